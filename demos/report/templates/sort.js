// Sorts a table by the column whose heading is clicked: numbers as numbers.
for (const th of document.querySelectorAll("thead th")) {
  th.tabIndex = 0;
  th.onclick = () => {
    const body = th.closest("table").tBodies[0];
    const up = th.ariaSort !== "ascending";
    for (const other of th.parentNode.cells) other.ariaSort = null;
    th.ariaSort = up ? "ascending" : "descending";
    const text = (row) => row.cells[th.cellIndex].textContent.trim();
    const number = (row) => parseFloat(text(row).replace(/,/g, ""));
    const rows = [...body.rows].sort((a, b) =>
      number(a) - number(b) || text(a).localeCompare(text(b)));
    body.append(...(up ? rows : rows.reverse()));
  };
  th.onkeydown = (event) => { if (event.key === "Enter") th.onclick(); };
}
