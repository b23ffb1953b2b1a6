"use strict";
// The tables below the timeline: made when they are opened, so that a long film's page is quick. Values are text, never markup.
const Tables = (() => {
  const STEP = 500;
  const clock = (seconds) => {
    const whole = Math.floor(seconds + 1e-6), two = (n) => String(n).padStart(2, "0");
    return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  };
  const formatted = (name, value) => {
    if (value === null) return "";
    if (name.endsWith("_s")) return `${clock(value)}.${String(Math.floor((value % 1) * 1000 + 0.5) % 1000).padStart(3, "0")}`;
    return typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
  };
  const element = (name, text, more = {}) => Object.assign(document.createElement(name), { textContent: text, ...more });

  /** Numbers stand to the right, with their column's name. */
  const kindOf = (values) => (typeof values.find((value) => value !== null) === "number" ? "number" : "");

  function row(table, at, goTo) {
    const made = document.createElement("tr"), start = table.names.indexOf("start_s");
    table.columns.forEach((column, n) => {
      const cell = element("td", formatted(table.names[n], column[at]), { className: kindOf([column[at]]) });
      if (n === start) {
        const button = element("button", cell.textContent, { type: "button", className: "link" });
        button.addEventListener("click", () => goTo(column[at]));
        cell.replaceChildren(button);
      }
      made.append(cell);
    });
    return made;
  }

  function fill(place, table, goTo) {
    const made = document.createElement("table"), head = document.createElement("tr"), body = document.createElement("tbody");
    table.names.forEach((name, n) => head.append(element("th", name, { scope: "col", className: kindOf(table.columns[n]) })));
    made.append(Object.assign(document.createElement("thead")), body);
    made.tHead.append(head);
    const count = table.columns[0].length, more = element("button", "", { type: "button", className: "more" });
    const grow = () => {
      const next = Math.min(count, body.rows.length + STEP);
      for (let at = body.rows.length; at < next; at++) body.append(row(table, at, goTo));
      more.textContent = `Show ${Math.min(STEP, count - next)} more of ${count}`;
      more.hidden = next >= count;
    };
    more.addEventListener("click", grow);
    grow();
    place.replaceChildren(made, more);
  }

  function attach(tables, goTo) {
    for (const details of document.querySelectorAll("details[data-table]")) {
      details.addEventListener("toggle", () => {
        const place = details.querySelector(".scroll");
        if (details.open && !place.firstChild) fill(place, tables[Number(details.dataset.table)], goTo);
      });
    }
  }
  return { attach, clock };
})();
