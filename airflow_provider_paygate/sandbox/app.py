"""The web application: one folder per gateway under its prefix, and the control plane beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import Mount

from .control import Controls, routes
from .paytia.routes import PaytiaGateway
from .paywize.routes import PaywizeGateway

if TYPE_CHECKING:
    from .state import State


def build(state: State) -> FastAPI:
    paywize = PaywizeGateway(state.paywize, state.connections, state.faults)
    paytia = PaytiaGateway(state.paytia, state.connections, state.faults)
    return FastAPI(
        title="paygate sandbox",
        openapi_url=None,
        routes=[Mount("/paywize", app=paywize), Mount("/paytia", app=paytia), *routes(Controls(state))],
    )
