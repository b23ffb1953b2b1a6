"use strict";
// The timeline of one film: lanes that zoom together, the film strip, the frame at the pointer, the keyboard.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const duration = data.duration_s || 1, SHORTEST = Math.min(2, duration), NEAR_PX = 4, NEAR_S = 5e-3;
  const byId = (id) => document.getElementById(id);
  const [area, pointer, playhead, preview] = ["lanes", "pointer", "playhead", "preview"].map(byId);
  const lanes = data.lanes.filter((lane) => !lane.why && !lane.is_empty);
  const shots = lanes.find((lane) => lane.id === "shots");
  const view = Lanes.range(0, duration);
  const strip = byId("strip") && new Filmstrip(data.thumbnails, byId("strip"), () => refresh());
  const drawn = [];
  let position = 0, waiting = false, player = null;

  const plotBox = () => byId("axis").getBoundingClientRect();
  const secondsAt = (x) => { const box = plotBox(); return view.start + (x - box.left) / box.width * (view.end - view.start); };
  const leftOf = (seconds) => {
    const box = plotBox();
    return box.left - area.getBoundingClientRect().left + (seconds - view.start) / (view.end - view.start) * box.width;
  };

  /** Show these seconds, within the film. */
  function look(start, end) {
    const length = Math.min(duration, Math.max(SHORTEST, end - start));
    const from = Math.min(Math.max(0, start), duration - length);
    view.setv({ start: from, end: from + length });
  }
  function zoom(factor, around = (view.start + view.end) / 2) {
    look(around - (around - view.start) * factor, around + (view.end - around) * factor);
  }

  /** Draw what follows the range, once for each picture of the screen. */
  function refresh() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const width = plotBox().width;
      for (const lane of drawn) lane.write(view.start, view.end, width);
      if (strip) strip.draw(view.start, view.end);
      byId("span").textContent = `${Tables.clock(view.start)} – ${Tables.clock(view.end)}`;
      showPosition();
    });
  }

  /** The text of each lane at a time: [title, words]. */
  function laneTexts(seconds) {
    return lanes.map((lane) => [lane.title, lane.kind === "lines" ? valuesAt(lane, seconds) : labelsAt(lane, seconds)])
      .filter(([, words]) => words);
  }
  function labelsAt(lane, seconds) {
    const found = [];
    for (let i = 0; i < lane.start.length; i++) if (lane.start[i] <= seconds && seconds < lane.end[i]) found.push(lane.label[i]);
    return found.join(", ");
  }
  function valuesAt(lane, seconds) {
    let at = lane.x.findIndex((x) => x > seconds);
    at = at < 0 ? lane.x.length - 1 : Math.max(0, at - 1);
    return lane.series.map((series) => `${lane.series.length > 1 ? series.name + " " : ""}${series.y[at] ?? "unknown"} ${lane.unit}`.trim()).join(", ");
  }

  /** Where people and model differ at a time: [title, words]. A boundary that only one side has is a moment without length. */
  function differencesAt(seconds) {
    return lanes.flatMap((lane) => (lane.differs || [])
      .filter(([start, end]) => start - NEAR_S <= seconds && seconds < Math.max(end, start + NEAR_S))
      .map(([, , told]) => [`${lanes.find(({ id }) => id === lane.of)?.title || lane.title}: differs`, told]));
  }

  /** Titles and words as elements: never as markup. */
  function words(rows) {
    return rows.map(([title, text]) => {
      const line = document.createElement("p");
      line.append(Object.assign(document.createElement("b"), { textContent: title }), ` ${text}`);
      return line;
    });
  }

  function showPosition() {
    const left = leftOf(position), inView = position >= view.start && position <= view.end;
    playhead.style.left = `${left}px`;
    playhead.classList.toggle("away", !inView);
  }
  /** Go to a time; `played`: the player is there already. */
  function goTo(seconds, { played = false } = {}) {
    position = Math.min(Math.max(0, seconds), duration);
    if (player && !played) player.seek(position);
    if (position < view.start || position > view.end) {
      const half = (view.end - view.start) / 2;
      look(position - half, position + half);
    }
    const rows = [["Time", Tables.clock(position)], ...laneTexts(position), ...differencesAt(position)];
    playhead.setAttribute("aria-valuenow", String(Math.round(position)));
    playhead.setAttribute("aria-valuetext", rows.map(([title, text]) => `${title} ${text}`).join("; "));
    const frame = Object.assign(document.createElement("div"), { className: "picture" });
    if (strip && !player) strip.show(frame, position);
    const column = document.createElement("div");
    column.append(...words(rows));
    byId("readout").replaceChildren(...(strip && !player ? [frame, column] : [column]));
    refresh();
  }

  function hover(event) {
    const box = plotBox(), outside = event.clientX < box.left || event.clientX > box.right;
    pointer.hidden = preview.hidden = outside || event.pointerType === "touch";
    if (pointer.hidden) return;
    const seconds = secondsAt(event.clientX);
    pointer.style.left = `${leftOf(seconds)}px`;
    const picture = preview.querySelector(".picture");
    if (strip) strip.show(picture, seconds);
    preview.querySelector(".words").replaceChildren(...words([["Time", Tables.clock(seconds)], ...laneTexts(seconds)]));
    const size = preview.getBoundingClientRect();
    preview.style.left = `${Math.min(innerWidth - size.width - 8, Math.max(8, event.clientX + 16))}px`;
    const below = event.clientY + 20;
    preview.style.top = `${below + size.height < innerHeight ? below : Math.max(8, event.clientY - size.height - 16)}px`;
  }

  function attachPointer() {
    let from = null;
    area.addEventListener("pointerdown", (event) => {
      if (event.button || event.target.closest("#overview, .lane-name")) return;
      from = { x: event.clientX, start: view.start, end: view.end, moved: false };
    });
    addEventListener("pointermove", (event) => {
      if (!from) return;
      from.moved ||= Math.abs(event.clientX - from.x) > NEAR_PX;
      const shift = (from.x - event.clientX) / plotBox().width * (from.end - from.start);
      if (from.moved) look(from.start + shift, from.end + shift);
    });
    addEventListener("pointerup", (event) => {
      if (from && !from.moved) { goTo(secondsAt(event.clientX)); playhead.focus({ preventScroll: true }); }
      from = null;
    });
    addEventListener("pointercancel", () => { from = null; });
    area.addEventListener("pointermove", hover);
    area.addEventListener("pointerleave", () => { pointer.hidden = preview.hidden = true; });
    area.addEventListener("dblclick", (event) => zoom(0.5, secondsAt(event.clientX)));
    area.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(Math.exp(Math.sign(event.deltaY) * 0.2), secondsAt(event.clientX));
    }, { passive: false });
  }

  /** The shot before or after the position; a second where the film has no shots. */
  function neighbour(step) {
    if (!shots || !shots.start.length) return position + step;
    const now = shots.start.findLastIndex((start) => start <= position + 1e-6);
    return shots.start[Math.min(shots.start.length - 1, Math.max(0, now + step))];
  }
  const KEYS = {
    "+": () => zoom(0.5, position), "=": () => zoom(0.5, position), "-": () => zoom(2, position), 0: () => look(0, duration),
    ArrowLeft: () => goTo(neighbour(-1)), ArrowRight: () => goTo(neighbour(1)), Home: () => goTo(0), End: () => goTo(duration),
    " ": () => { if (player) player.toggle(); },
    PageUp: () => goTo(position - (view.end - view.start) / 10), PageDown: () => goTo(position + (view.end - view.start) / 10),
  };
  function attachKeys() {
    playhead.addEventListener("keydown", (event) => {
      if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      KEYS[event.key]();
    });
    byId("zoom-in").addEventListener("click", () => zoom(0.5));
    byId("zoom-out").addEventListener("click", () => zoom(2));
    byId("zoom-all").addEventListener("click", () => look(0, duration));
    for (const button of document.querySelectorAll("[data-time]")) {
      button.addEventListener("click", () => {
        goTo(Number(button.dataset.time));
        (player ? byId("player") : byId("timeline")).scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
        playhead.focus({ preventScroll: true });
      });
    }
  }

  /** From one place where people and model differ to the next, around the film's end. */
  function attachDifferences() {
    for (const button of document.querySelectorAll("[data-differs]")) {
      const { differs } = lanes.find((lane) => lane.id === button.dataset.differs);
      button.addEventListener("click", () => {
        const forward = button.dataset.step === "1";
        const next = forward ? differs.find(([start]) => start > position + NEAR_S) ?? differs[0]
          : differs.findLast(([start]) => start < position - NEAR_S) ?? differs[differs.length - 1];
        goTo(next[0]);
      });
    }
  }

  /** The names of a lane's rows, or of its lines with their colours and bounds, beside it. */
  function nameRows(lane, element) {
    if (lane.kind === "lines") {
      const legend = lane.series.length > 1 ? lane.series : [];
      legend.forEach((series, n) => {
        const entry = Object.assign(document.createElement("span"), { className: "legend", textContent: series.name });
        entry.style.setProperty("--mark", `var(--c${n + 1})`);
        element.append(entry);
      });
      element.append(Object.assign(document.createElement("span"), { className: "bounds", textContent: `${lane.low} to ${lane.high} ${lane.unit}`.replaceAll("-", "−") }));
    } else if (lane.row) {
      element.classList.add("rows");
      lane.rows.forEach((name) => element.append(Object.assign(document.createElement("span"), { className: "row", textContent: name, title: name })));
      if (lane.left_out) element.title = `${lane.left_out} more in the tables beneath`;
    } else if (lane.colour === "category" && Lanes.kinds(lane).length > 1) {
      const legend = Object.assign(document.createElement("p"), { className: "kinds" });
      Lanes.kinds(lane).forEach((kind, n) => {
        if (!lane.label.includes(kind)) return;
        const entry = Object.assign(document.createElement("span"), { textContent: kind, title: kind });
        entry.style.setProperty("--mark", `var(--c${n % 8 + 1})`);
        entry.style.setProperty("--strength", n > 7 ? Lanes.PALE : 1);
        legend.append(entry);
      });
      element.parentElement.append(legend);
    }
  }

  /** Keys steer the timeline as a whole: its figures, which do nothing by keys, are no stops of the Tab key. */
  function keepOutOfTabOrder(root) {
    for (const element of root.querySelectorAll("*")) {
      if (element.hasAttribute("tabindex")) element.tabIndex = -1;
      if (element.shadowRoot) keepOutOfTabOrder(element.shadowRoot);
    }
  }

  /** Every figure in one document of the library's, as they share a range; each in its own element. */
  async function start() {
    const page = new Bokeh.Document(), elements = [];
    const add = (make, element) => {
      const made = make(element);
      made.paint();
      page.add_root(made.plot);
      elements.push(element);
      drawn.push(made);
    };
    const whole = lanes.find((lane) => lane.id === "scenes") || shots;
    add((element) => Lanes.overview(whole, duration, element, view), byId("overview"));
    for (const lane of lanes) {
      const [name, plot] = [".lane-name", ".lane-plot"].map((part) => byId(`lane-${lane.id}`).querySelector(part));
      nameRows(lane, name);
      add((element) => Lanes.make(lane, element, view), plot);
    }
    add((element) => Lanes.axis(element, view), byId("axis"));
    await Bokeh.embed.add_document_standalone(page, document.body, elements);
    elements.forEach(keepOutOfTabOrder);
    view.change.connect(refresh);
    addEventListener("resize", refresh);
    document.addEventListener("themechange", () => { for (const lane of drawn) lane.paint(); refresh(); });
    attachPointer();
    attachKeys();
    attachDifferences();
    FilmSearch.attach(lanes, goTo);
    Tables.attach(data.tables, goTo);
    player = Player.attach({ shots, thumbnails: data.thumbnails, goTo, neighbour });
    const asked = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
    if (asked) goTo(Number(asked[1])); else goTo(0, { played: true });
    document.documentElement.dataset.ready = "true";
  }
  start();
})();
