"use strict";
// Films side by side; which ones stands in the address, so that it can be kept and sent.
(() => {
  const films = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id), known = new Map(films.map((film) => [film.movie_id, film]));
  const MOST = 6, WIDTH = 300, HEIGHT = 60, SVG = "http://www.w3.org/2000/svg";
  const element = (name, more = {}) => Object.assign(document.createElement(name), more);
  const clock = (s) => { const n = Math.round(s), two = (v) => String(v).padStart(2, "0"); return `${Math.floor(n / 3600)}:${two(Math.floor(n / 60) % 60)}:${two(n % 60)}`; };
  let chosen = (new URLSearchParams(location.hash.slice(1)).get("films") || "").split(",").filter((id) => known.has(id)).slice(0, MOST);

  /** The range that a line has over the chosen films, so that they are drawn to one scale. */
  function scale(name) {
    const all = chosen.flatMap((id) => known.get(id).lines[name] || []).filter((y) => y !== null);
    return [Math.min(...all), Math.max(...all)];
  }
  const shown = (value) => String(Number(value.toFixed(2))).replace("-", "−");
  function line(values, [low, high]) {
    const svg = document.createElementNS(SVG, "svg"), room = (high - low) || 1;
    for (const [name, value] of Object.entries({ viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" })) svg.setAttribute(name, value);
    let run = [];
    const draw = () => {
      if (run.length) { const made = document.createElementNS(SVG, "polyline"); made.setAttribute("points", run.join(" ")); svg.append(made); }
      run = [];
    };
    values.forEach((y, n) => { if (y === null) draw(); else run.push(`${(n / Math.max(1, values.length - 1) * WIDTH).toFixed(1)},${(HEIGHT - 3 - (y - low) / room * (HEIGHT - 6)).toFixed(1)}`); });
    draw();
    return svg;
  }
  function column(film, names) {
    const made = element("article", { className: "panel" }), head = element("h2"), facts = element("dl");
    head.append(element("a", { href: `films/${encodeURIComponent(film.movie_id)}/index.html`, textContent: film.title }));
    const drop = element("button", { type: "button", className: "quiet", textContent: "Remove" });
    drop.setAttribute("aria-label", `Remove ${film.title}`);
    drop.addEventListener("click", () => { chosen = chosen.filter((id) => id !== film.movie_id); show(); });
    const rows = { length: film.duration_s === undefined ? "unknown" : clock(film.duration_s), shots: film.shots, "average shot": film.average_shot_s === undefined ? undefined : `${film.average_shot_s.toFixed(1)} s`, scenes: film.scenes, beats: film.beats, tags: film.tags.join(", "), people: film.characters.join(", ") };
    for (const [name, value] of Object.entries(rows)) if (value !== undefined && value !== "") facts.append(element("dt", { textContent: name }), element("dd", { textContent: String(value) }));
    made.append(head, ...(film.poster ? [element("img", { src: `films/${encodeURIComponent(film.movie_id)}/poster.jpg`, alt: "" })] : []), facts);
    for (const name of names) {
      const values = film.lines[name], known = values && values.some((y) => y !== null), bounds = scale(name);
      made.append(element("p", { className: "facts", textContent: known ? `${name}, ${shown(bounds[0])} to ${shown(bounds[1])}` : `${name}: not computed` }));
      if (known) made.append(line(values, bounds));
    }
    made.append(drop);
    return made;
  }
  function show() {
    const names = [...new Set(chosen.flatMap((id) => Object.keys(known.get(id).lines)))];
    byId("beside").replaceChildren(...chosen.map((id) => column(known.get(id), names)));
    byId("none").hidden = chosen.length > 1;
    history.replaceState(null, "", "#" + new URLSearchParams({ films: chosen.join(",") }));
  }
  const find = (words) => films.find((film) => film.title === words || film.movie_id === words);
  byId("titles").append(...films.map((film) => element("option", { value: film.title })));
  byId("add").addEventListener("change", () => {
    const film = find(byId("add").value);
    if (!film || chosen.length >= MOST) return;
    if (!chosen.includes(film.movie_id)) chosen.push(film.movie_id);
    byId("add").value = "";
    show();
  });
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  const drawn = films.filter((film) => Object.keys(film.lines).length);
  if (!chosen.length) chosen = (drawn.length > 1 ? drawn : films).slice(0, 2).map((film) => film.movie_id);
  show();
  document.documentElement.dataset.ready = "true";
})();
