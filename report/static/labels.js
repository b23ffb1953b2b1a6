"use strict";
// Moments labelled one after another by keyboard; kept in this browser, saved as a file of labels. Names are text, never markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const element = (name, more = {}) => Object.assign(document.createElement(name), more);
  const STEPS = 9, STORE = `cinelake-labels:${data.key}`;
  const clock = (seconds) => { const whole = Math.floor(seconds), two = (n) => String(n).padStart(2, "0"); return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`; };

  // --- what is decided: for each moment nothing yet (null), or { done, chosen: [texts], none, values: [one of each scale] }
  let given = data.moments.map(() => null), added = [], at = 0, history = [], saved = true;
  const answers = () => [...data.answers, ...added.map((text) => ({ text, row: { [data.class_column]: text } }))];
  const keep = () => { try { localStorage.setItem(STORE, JSON.stringify({ given, added, at })); } catch { tell("This browser keeps nothing: save before you close the page."); } };
  function restore() {
    try {
      const kept = JSON.parse(localStorage.getItem(STORE));
      if (kept && kept.given.length === data.moments.length) { ({ given, added, at } = kept); return given.some(Boolean); }
    } catch { /* nothing was kept, or it cannot be read: begin anew */ }
    return false;
  }
  const isDone = (answer) => Boolean(answer && answer.done);
  const current = () => given[at] || { done: false, chosen: [], none: false, values: data.scales.map(() => null) };
  function decide(answer, words, { goOn = false } = {}) {
    history.push({ at, before: given[at], added: [...added] });
    given[at] = answer;
    saved = false;
    if (goOn) forward();
    keep();
    show(words);
  }
  function undo() {
    const last = history.pop();
    if (!last) { tell("There is nothing to take back."); return; }
    at = last.at;
    given[at] = last.before;
    added = last.added;
    saved = false;
    keep();
    show("Taken back.");
  }
  /** A name within a sentence: what it says of the direction of writing ends with it. */
  const apart = (name) => `\u2068${name}\u2069`;

  /** To the next moment that is open, after this one or from the beginning; stay where all are done. */
  function forward() {
    const order = [...data.moments.keys()];
    const next = [...order.slice(at + 1), ...order.slice(0, at + 1)].find((n) => !isDone(given[n]));
    if (next !== undefined) at = next;
  }
  const move = (by) => { at = Math.min(data.moments.length - 1, Math.max(0, at + by)); keep(); show(); };

  function choose(text) {
    const before = current();
    if (!data.several) { decide({ ...before, done: true, none: false, chosen: [text] }, `${text}.`, { goOn: true }); return; }
    const has = before.chosen.includes(text);
    const chosen = has ? before.chosen.filter((name) => name !== text) : [...before.chosen, text];
    decide({ ...before, done: chosen.length > 0, none: false, chosen }, has ? `Not ${text}.` : `${text}; Enter goes on.`);
  }
  function nothing() {
    if (data.scales.length || !data.nothing) { move(1); tell("Left out."); return; }
    decide({ ...current(), done: true, none: true, chosen: [] }, `${data.nothing.text}.`, { goOn: true });
  }
  function grade(step) {
    const before = current(), open = before.values.findIndex((value) => value === null);
    const which = open < 0 ? 0 : open, { low, high, text } = data.scales[which];
    const values = open < 0 ? data.scales.map(() => null) : [...before.values];
    values[which] = Number((low + ((high - low) * step) / (STEPS - 1)).toFixed(4));
    const done = values.every((value) => value !== null);
    decide({ ...before, done, values }, `${text} ${values[which]}.`, { goOn: done });
  }
  function add(text) {
    const name = text.trim();
    if (!name) return;
    if (answers().some((answer) => answer.text === name)) { choose(name); return; }
    history.push({ at, before: given[at], added: [...added] });
    added.push(name);
    keep();
    choose(name);
  }

  // --- what is saved
  const cell = (value) => { const text = value === null || value === undefined ? "" : String(value); return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; };
  function rowsOf(n) {
    const answer = given[n], { extent } = data.moments[n];
    if (!isDone(answer)) return [];
    if (data.scales.length) return data.scales.map((scale, i) => ({ ...extent, ...scale.row, [scale.column]: answer.values[i] }));
    if (answer.none) return [{ ...extent, ...data.nothing.row }];
    return answers().filter((each) => answer.chosen.includes(each.text)).map((each) => ({ ...extent, ...each.row }));
  }
  function csv() {
    const rows = data.moments.flatMap((_, n) => rowsOf(n));
    const films = [...new Set(rows.map((row) => row.movie_id))].sort();
    const all = films.flatMap((film) => [...data.earlier[film], ...rows.filter((row) => row.movie_id === film)]);
    const seen = new Set();
    const lines = all.map((row) => data.columns.map((name) => cell(row[name])).join(",")).filter((line) => !seen.has(line) && seen.add(line));
    return [data.columns.join(","), ...lines].join("\n") + "\n";
  }
  function save() {
    const link = element("a", { href: URL.createObjectURL(new Blob([csv()], { type: "text/csv" })), download: `${data.model}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    saved = true;
    tell("Saved: import it with the command below.");
  }
  addEventListener("beforeunload", (event) => { if (!saved) event.preventDefault(); });

  // --- what is shown
  const tell = (words) => { byId("state").textContent = words; };
  function button(text, key, pressed, act, title = "") {
    const made = element("button", { type: "button", title });
    made.append(element("kbd", { textContent: key }), element("span", { textContent: text }));
    made.setAttribute("aria-pressed", String(pressed));
    made.addEventListener("click", () => { act(); made.blur(); });
    return made;
  }
  function buttons() {
    const answer = current(), made = [];
    if (data.scales.length) {
      const open = answer.values.findIndex((value) => value === null);
      data.scales.forEach((scale, which) => {
        const row = element("div", { className: "scale" + (which === Math.max(0, open) ? " asked" : "") });
        row.append(element("b", { textContent: scale.text }), element("span", { className: "facts", textContent: answer.values[which] === null ? `${scale.low} … ${scale.high}: keys 1 … ${STEPS}` : String(answer.values[which]) }));
        made.push(row);
      });
      const row = element("div", { className: "grades" });
      for (let step = 0; step < STEPS; step += 1) row.append(button("", String(step + 1), false, () => grade(step)));
      made.push(row);
    } else {
      answers().forEach((each, n) => made.push(button(each.text, data.keys[n] || "·", answer.chosen.includes(each.text), () => choose(each.text))));
    }
    const words = data.nothing && !data.scales.length ? data.nothing.text : "leave it out";
    made.push(button(words, "space", answer.none, nothing));
    byId("answers").replaceChildren(...made);
  }
  function strip() {
    byId("moments").replaceChildren(...data.moments.map((moment, n) => {
      const made = element("button", { type: "button", className: isDone(given[n]) ? "done" : "" });
      made.setAttribute("aria-label", `Moment ${n + 1}${isDone(given[n]) ? ", done" : ""}`);
      if (n === at) made.setAttribute("aria-current", "true");
      if (moment.picture) made.style.backgroundImage = `url("${moment.picture}")`;
      made.addEventListener("click", () => { at = n; keep(); show(); made.blur(); });
      const item = element("li");
      item.append(made);
      return item;
    }));
  }
  const unplayable = new Set();
  /** The picture, or the film from that moment on with the picture until it plays. */
  function look(moment) {
    const video = byId("video"), plays = Boolean(moment.film) && !unplayable.has(moment.film);
    video.pause();
    video.hidden = !plays;
    byId("play").hidden = !plays;
    byId("cannot").hidden = plays || !moment.film;
    byId("picture").hidden = plays || !moment.picture;
    byId("nopicture").hidden = plays || Boolean(moment.picture);
    byId("picture").alt = `${apart(moment.title)} at ${clock(moment.start_s)}`;
    if (moment.picture) byId("picture").src = moment.picture;
    byId("own").hidden = !moment.own;
    if (moment.own) byId("own").src = moment.own;
    if (!plays) return;
    video.poster = moment.picture;
    video.setAttribute("aria-label", byId("picture").alt);
    video.src = `${moment.film}#t=${moment.start_s.toFixed(3)},${Math.max(moment.end_s, moment.start_s + 2).toFixed(3)}`;
  }
  const play = () => { const video = byId("video"); if (video.hidden) return; if (video.paused) video.play().catch(() => {}); else video.pause(); };
  byId("video").addEventListener("error", () => { unplayable.add(data.moments[at].film); look(data.moments[at]); });
  function show(words = "") {
    const moment = data.moments[at], done = given.filter(isDone).length, count = data.moments.length;
    byId("where").textContent = `${apart(moment.title)} at ${clock(moment.start_s)}${moment.end_s > moment.start_s ? ` – ${clock(moment.end_s)}` : ""} · moment ${at + 1} of ${count} · ${done} done`;
    look(moment);
    byId("guess").textContent = moment.guess ? `Looks like: ${moment.guess}${moment.probability === null ? "" : ` (${Math.round(moment.probability * 100)} %)`}` : "";
    byId("progress").setAttribute("aria-valuemax", String(count));
    byId("progress").setAttribute("aria-valuenow", String(done));
    byId("progress").firstElementChild.style.width = `${(100 * done) / count}%`;
    byId("undo").disabled = !history.length;
    byId("back").disabled = at === 0;
    byId("skip").disabled = at === count - 1;
    byId("save").disabled = !done;
    byId("save").textContent = done ? `Save ${done} label${done > 1 ? "s" : ""}` : "Save the labels";
    buttons();
    strip();
    tell(words || (done === count ? "All are done: save them." : ""));
  }
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, video")) return;
    const key = event.key.toLowerCase(), place = data.keys.indexOf(key);
    if (key === " ") nothing();
    else if (key === "u") undo();
    else if (key === "p") play();
    else if (key === "arrowright") move(1);
    else if (key === "arrowleft") move(-1);
    else if (key === "enter") { if (event.target.matches("button, a")) return; forward(); keep(); show(); }
    else if (key.length === 1 && data.scales.length && place >= 0 && place < STEPS) grade(place);
    else if (key.length === 1 && !data.scales.length && place >= 0 && place < answers().length) choose(answers()[place].text);
    else return;
    event.preventDefault();
  });
  byId("question").textContent = data.question;
  byId("keys").textContent = `Keys: ${data.scales.length ? "1 … 9 grade" : "numbers and letters choose"}, ${data.several ? "Enter goes on, " : ""}space ${data.nothing && !data.scales.length ? `means ${data.nothing.text}` : "leaves it out"}, u takes back, p plays the film, ← and → move.`;
  byId("notes").replaceChildren(...data.notes.map((textContent) => element("li", { textContent })));
  byId("add").hidden = !data.class_column;
  byId("add").addEventListener("submit", (event) => { event.preventDefault(); add(byId("name").value); byId("name").value = ""; byId("name").blur(); });
  byId("back").addEventListener("click", () => move(-1));
  byId("skip").addEventListener("click", () => move(1));
  byId("undo").addEventListener("click", undo);
  byId("play").addEventListener("click", play);
  byId("save").addEventListener("click", save);
  document.documentElement.csvOfLabels = csv;
  show(restore() ? "Your answers of the last time are back." : "");
  document.documentElement.dataset.ready = "true";
})();
