"use strict";
(() => {
  const table = document.querySelector("table.breaks");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const words = rows.map((row) => row.textContent.toLowerCase());
  const search = document.getElementById("search");
  const only = document.getElementById("class");
  const shown = document.getElementById("shown");

  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, i) => {
      const fits = (!only.value || row.dataset.class === only.value) && wanted.every((word) => words[i].includes(word));
      row.hidden = !fits;
      count += fits;
    });
    shown.textContent = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
  };

  // Amounts are compared as decimal text, digit by digit: as numbers they could lose some.
  const key = (cell) => cell.dataset.v ?? cell.textContent.trim();
  const byNumber = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const less = a.startsWith("-"), other = b.startsWith("-");
    if (less !== other) return less ? -1 : 1;
    const [x, y] = [a, b].map((text) => text.replace("-", "").split("."));
    const order = x[0].length - y[0].length || x[0].localeCompare(y[0]) || (x[1] ?? "").localeCompare(y[1] ?? "");
    return less ? -order : order;
  };
  const byText = (a, b) => (a === "") - (b === "") || a.localeCompare(b, "en", { numeric: true });

  // A browser repeats the heads on every printed page, but not with buttons in them.
  const heads = [...table.tHead.rows[0].cells];
  const withButtons = () => heads.forEach((head) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
  });
  const plain = () => heads.forEach((head) => head.replaceChildren(head.textContent));
  withButtons();
  addEventListener("beforeprint", plain);
  addEventListener("afterprint", withButtons);

  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head) return;
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const compare = head.classList.contains("n") ? byNumber : byText;
    const column = head.cellIndex;
    const sign = down ? -1 : 1;
    body.append(...[...rows].sort((a, b) => sign * compare(key(a.cells[column]), key(b.cells[column]))));
  });
  search.addEventListener("input", filter);
  only.addEventListener("change", filter);
  filter();
})();
