"use strict";
// Search, filter and sort of the catalogue; the choice stands in the address, so that it can be kept and sent.
(() => {
  const list = document.getElementById("films");
  const films = [...list.children];
  const [search, tag, sort] = ["search", "tag", "sort"].map((id) => document.getElementById(id));
  const number = (film, name) => Number(film.dataset[name]);
  const byTitle = (a, b) => a.dataset.title.localeCompare(b.dataset.title);
  const ORDERS = {
    title: byTitle,
    length: (a, b) => number(b, "length") - number(a, "length") || byTitle(a, b),
    shots: (a, b) => number(b, "shots") - number(a, "shots") || byTitle(a, b),
    pace: (a, b) => number(a, "pace") - number(b, "pace") || byTitle(a, b),
    missing: (a, b) => number(b, "missing") - number(a, "missing") || byTitle(a, b),
  };

  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const film of films) {
      const fits = words.every((word) => film.dataset.text.includes(word))
        && (!tag.value || JSON.parse(film.dataset.tags).includes(tag.value));
      film.hidden = !fits;
      found += fits;
    }
    document.getElementById("found").textContent =
      found === films.length ? "" : found ? `${found} of ${films.length} films` : "No film has all of these words.";
    history.replaceState(null, "", "#" + new URLSearchParams({ q: search.value, tag: tag.value, sort: sort.value }));
  };
  const order = () => {
    list.append(...films.sort(ORDERS[sort.value]));
    show();
  };

  const asked = new URLSearchParams(location.hash.slice(1));
  search.value = asked.get("q") || "";
  tag.value = asked.get("tag") || "";
  if (tag.selectedIndex < 0) tag.value = "";
  if (ORDERS[asked.get("sort")]) sort.value = asked.get("sort");
  search.addEventListener("input", show);
  tag.addEventListener("change", show);
  sort.addEventListener("change", order);
  document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); }
  });
  order();
})();
