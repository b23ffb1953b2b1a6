"use strict";
// Search within a film's page: every span of every lane by its words, in the order of time. Words are text, never markup.
const FilmSearch = (() => {
  const MOST = 200, WAIT_MS = 120;
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  /** Every span with the words that find it: its own, its row's, its lane's. */
  function spans(lanes) {
    return lanes.filter((lane) => lane.kind === "spans").flatMap((lane) => lane.start.map((start, i) => {
      const row = lane.row ? lane.rows[lane.row[i]] : "";
      return { start, title: lane.title, label: lane.label[i], text: plain(`${lane.label[i]} ${row} ${lane.title}`) };
    })).sort((a, b) => a.start - b.start);
  }

  function attach(lanes, goTo) {
    const input = document.getElementById("words"), list = document.getElementById("hits");
    let known = null, timer = 0;
    const show = () => {
      const words = plain(input.value).split(/\s+/).filter(Boolean);
      list.hidden = !words.length;
      if (!words.length) return;
      known ||= spans(lanes);
      const found = known.filter((span) => words.every((word) => span.text.includes(word)));
      list.replaceChildren(...found.slice(0, MOST).map((span) => {
        const item = document.createElement("li"), button = document.createElement("button");
        Object.assign(button, { type: "button", className: "link" });
        button.append(Object.assign(document.createElement("b"), { textContent: Tables.clock(span.start) }), ` ${span.title}: ${span.label}`);
        button.addEventListener("click", () => goTo(span.start));
        item.append(button);
        return item;
      }));
      const more = found.length > MOST ? `${found.length - MOST} more: add a word` : found.length ? "" : "Nothing of this film has all of these words.";
      if (more) list.append(Object.assign(document.createElement("li"), { textContent: more, className: "about" }));
    };
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(show, WAIT_MS); });
    document.getElementById("search-film").addEventListener("submit", (event) => { event.preventDefault(); list.querySelector("button")?.click(); });
  }
  return { attach };
})();
