"use strict";
{
  const REACH = 18;
  const trials = JSON.parse(document.getElementById("trials").textContent);
  const tip = document.getElementById("tip");

  function nearest(marks, x, y) {
    let best = null, least = REACH * REACH;
    for (const mark of marks) {
      const distance = (mark[0] - x) ** 2 + (mark[1] - y) ** 2;
      if (distance < least) { least = distance; best = mark; }
    }
    return best;
  }

  function show(lines, event) {
    tip.textContent = "";
    lines.forEach((line, i) => {
      const element = document.createElement(i ? "div" : "b");
      element.textContent = line;
      tip.append(element);
    });
    tip.hidden = false;
    const x = event.clientX + 14, y = event.clientY + 14;
    tip.style.left = `${Math.max(4, Math.min(x, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top =
      `${y + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : y}px`;
  }

  for (const figure of document.querySelectorAll(".picture")) {
    const svg = figure.querySelector("svg");
    const marks = JSON.parse(figure.dataset.marks);
    if (!marks.length) continue;
    const ring = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    ring.setAttribute("class", "ring");
    ring.setAttribute("r", "6");
    const hide = () => { tip.hidden = true; ring.remove(); };
    const look = (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const mark = nearest(
        marks, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
      const lines = mark && trials[mark[2]];
      if (!lines) { hide(); return; }
      ring.setAttribute("cx", mark[0]);
      ring.setAttribute("cy", mark[1]);
      svg.append(ring);
      show(lines, event);
    };
    svg.addEventListener("pointermove", look);
    svg.addEventListener("pointerdown", look);
    svg.addEventListener("pointerleave", hide);
  }

  const key = (row, place) => {
    const cell = row.cells[place];
    return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent;
  };
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), undefined, { numeric: true });
  };
  for (const table of document.querySelectorAll("table")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => head.querySelector("button").addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => {
        const x = key(a, place), y = key(b, place);
        return x === "" || y === "" || !descending ? compare(x, y) : compare(y, x);
      });
      table.tBodies[0].append(...rows);
    }));
  }

  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const code = button.closest("figure").querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      } catch {
        getSelection().selectAllChildren(code);
      }
    });
  }
}
