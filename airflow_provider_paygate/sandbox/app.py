"""The web application: one folder per gateway under its prefix, and the control plane beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import Mount

from .control import Controls, routes
from .paywize.routes import PaywizeGateway

if TYPE_CHECKING:
    from .state import State


def build(state: State) -> FastAPI:
    gateway = PaywizeGateway(state.paywize, state.connections, state.faults)
    return FastAPI(
        title="paygate sandbox",
        openapi_url=None,
        routes=[Mount("/paywize", app=gateway), *routes(Controls(state))],
    )
