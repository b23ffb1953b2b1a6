"use strict";
// People by face: named, put together, parted; what was decided is saved as labels. Names are text, never markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const element = (name, more = {}) => Object.assign(document.createElement(name), more);
  const NUMBERED = /^person_([1-9]\d*)$/;

  // --- what is decided: groups of tracks, by the person that they were when the page was made
  let groups = new Map(data.people.map((p) => [p.person, { id: p.person, name: p.name, tracks: [...p.tracks], was: [p.person], faces: p.faces, films: p.films, more: p.more, touched: false }]));
  let strangers = [...data.strangers], apart = new Set(), history = [], decisions = 0;
  const chosenFaces = new Set(), chosenPeople = new Set();

  const label = (group) => group.name.trim() || group.id;
  const pairKey = (a, b) => [a, b].sort().join("\n");
  const remember = () => {
    history.push({ groups: new Map([...groups].map(([id, g]) => [id, { ...g, tracks: [...g.tracks], was: [...g.was] }])), strangers: [...strangers], apart: new Set(apart), decisions });
    decisions += 1;
  };
  const undo = () => {
    const before = history.pop();
    if (before) ({ groups, strangers, apart, decisions } = before);
    show("Taken back.");
  };
  const nextNumber = () => 1 + Math.max(data.number, ...[...groups.values()].flatMap((g) => [g.id, g.name, ...g.was]).concat(Object.values(data.labels).flat().map(([, person]) => person || ""))
    .map((name) => Number((NUMBERED.exec(name) || [0, 0])[1])));

  /** Put people together: the first that has a name gives it, else the one seen most. */
  function together(ids) {
    const all = ids.map((id) => groups.get(id)).filter(Boolean);
    if (all.length < 2) return;
    remember();
    show(`${all.length} put together as ${label(join(all))}.`);
  }
  function join(all) {
    const first = all.find((g) => g.name.trim()) || all.reduce((a, b) => (b.faces > a.faces ? b : a));
    for (const other of all) {
      if (other === first) continue;
      first.tracks.push(...other.tracks);
      first.was.push(...other.was);
      first.faces += other.faces;
      first.more += other.more;
      groups.delete(other.id);
    }
    first.films = new Set(first.tracks.map((t) => data.tracks[t].movie_id)).size;
    first.touched = true;
    return first;
  }
  function part() {
    const faces = [...chosenFaces];
    if (!faces.length) return;
    remember();
    const id = `person_${nextNumber()}`;
    const seen = faces.reduce((sum, t) => sum + data.tracks[t].faces, 0);
    for (const group of groups.values()) {
      const rest = group.tracks.filter((t) => !chosenFaces.has(t));
      if (rest.length === group.tracks.length) continue;
      Object.assign(group, { tracks: rest, touched: true });
      apart.add(pairKey(group.id, id));
    }
    for (const [key, group] of groups) if (!group.tracks.length && !group.more) groups.delete(key);
    strangers = strangers.filter((t) => !chosenFaces.has(t));
    groups.set(id, { id, name: "", tracks: faces, was: [], faces: seen, films: new Set(faces.map((t) => data.tracks[t].movie_id)).size, more: 0, touched: true });
    show(`A new person of ${faces.length} face${faces.length > 1 ? "s" : ""}: ${id}.`);
    byId(`card-${id}`)?.querySelector("input[type=text]").focus();
  }
  function named(group, name) {
    if (name.trim() === group.name.trim()) return;
    remember();
    Object.assign(group, { name: name.trim(), touched: true });
    const same = [...groups.values()].filter((g) => g !== group && label(g) === label(group));
    if (same.length && group.name) { join([...same, group]); show(`${same.length + 1} of one name are one person: ${group.name}.`); return; }
    show(group.name ? `${group.id} is ${group.name}.` : `${group.id} has no name.`);
  }
  function different(a, b) {
    remember();
    apart.add(pairKey(a, b));
    for (const id of [a, b]) groups.get(id).touched = true;
    show("Two persons; asked no more.");
  }

  // --- what is saved
  const cell = (value) => { const text = value === null || value === undefined ? "" : String(value); return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; };
  function csv() {
    const now = new Map();
    for (const group of groups.values()) for (const was of group.was) now.set(was, group);
    const fresh = new Map(), touched = new Set();
    const put = (movie, row) => { if (!fresh.has(movie)) fresh.set(movie, []); fresh.get(movie).push(row); touched.add(movie); };
    for (const group of groups.values()) {
      if (!group.touched) continue;
      for (const t of group.tracks) { const { movie_id, time_s, x, y } = data.tracks[t]; put(movie_id, [time_s, label(group), x, y]); }
    }
    const renamed = (person) => (now.has(person) ? label(now.get(person)) : person);
    for (const [movie, rows] of Object.entries(data.labels)) if (rows.some(([, person]) => person && renamed(person) !== person)) touched.add(movie);
    const lines = ["movie_id,time_s,person,x,y"];
    for (const movie of Object.keys(data.films).sort()) {
      const earlier = data.labels[movie] || [];
      if (!touched.has(movie)) { if (!earlier.length) lines.push([movie, 0, "", "", ""].map(cell).join(",")); continue; }
      const rows = fresh.get(movie) || [];
      const again = ([time, , x, y]) => x !== null && rows.some((row) => Math.abs(row[0] - time) < 1e-3 && Math.abs(row[2] - x) < 0.02 && Math.abs(row[3] - y) < 0.02);
      const kept = earlier.filter((row) => row[1] && !again(row)).map(([time, person, x, y]) => [time, renamed(person), x, y]);
      const all = [...rows, ...kept].sort((a, b) => a[0] - b[0]);
      for (const row of all.length ? all : [[0, "", "", ""]]) lines.push([movie, ...row].map(cell).join(","));
    }
    return lines.join("\n") + "\n";
  }
  function save() {
    const link = element("a", { href: URL.createObjectURL(new Blob([csv()], { type: "text/csv" })), download: `${data.model}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    history = [];
    tell("Saved: import it with the command above.");
    byId("undo").disabled = true;
  }
  addEventListener("beforeunload", (event) => { if (history.length) event.preventDefault(); });

  // --- what is shown
  const clock = (seconds) => { const whole = Math.floor(seconds), two = (n) => String(n).padStart(2, "0"); return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`; };
  const tell = (words) => { byId("said").textContent = words; };
  function face(t) {
    const track = data.tracks[t], { side, columns } = data;
    const where = `\u2068${data.films[track.movie_id]}\u2069 at ${clock(track.time_s)}`;
    const made = element("button", { type: "button", className: "face" + (track.doubtful ? " doubtful" : ""), title: `${where}${track.likeness === null ? "" : `; likeness ${track.likeness}`}${track.other ? `, next ${track.other} ${track.other_likeness}` : ""}` });
    made.setAttribute("aria-pressed", String(chosenFaces.has(t)));
    made.setAttribute("aria-label", `Face in ${where}`);
    made.style.backgroundImage = `url("films/${encodeURIComponent(track.movie_id)}/faces.jpg")`;
    made.style.backgroundPosition = `-${(track.place % columns) * side}px -${Math.floor(track.place / columns) * side}px`;
    made.addEventListener("click", () => {
      if (!chosenFaces.delete(t)) chosenFaces.add(t);
      made.setAttribute("aria-pressed", String(chosenFaces.has(t)));
      tools();
      const link = element("a", { href: `films/${encodeURIComponent(track.movie_id)}/index.html#t=${track.time_s}`, textContent: where });
      byId("said").replaceChildren(link);
    });
    return made;
  }
  function faces(tracks, most = Infinity) {
    const place = element("div", { className: "faces" });
    place.append(...tracks.slice(0, most).map(face));
    return place;
  }
  function card(group) {
    const made = element("li", { className: "person", id: `card-${group.id}` });
    const head = element("div", { className: "person-head" });
    const tick = element("input", { type: "checkbox", checked: chosenPeople.has(group.id) });
    tick.setAttribute("aria-label", `Choose ${label(group)}`);
    tick.addEventListener("change", () => { if (tick.checked) chosenPeople.add(group.id); else chosenPeople.delete(group.id); tools(); });
    const input = element("input", { type: "text", value: group.name, placeholder: group.id, autocomplete: "off", maxLength: 120 });
    input.setAttribute("list", "names");
    input.setAttribute("aria-label", `Name of ${group.id}`);
    input.addEventListener("change", () => named(group, input.value));
    head.append(tick, input);
    const facts = `${group.faces.toLocaleString("en")} picture${group.faces === 1 ? "" : "s"} · ${group.films} film${group.films === 1 ? "" : "s"}${group.more ? ` · ${group.more} more faces in the table` : ""}`;
    made.append(head, element("p", { className: "facts", textContent: facts }), faces(group.tracks));
    return made;
  }
  function pair() {
    const open = data.pairs.map(([a, b, value]) => [now(a), now(b), value]).filter(([a, b]) => a && b && a !== b && !apart.has(pairKey(a.id, b.id)) && !(a.name && b.name));
    const place = byId("pair");
    byId("pairs").hidden = !open.length;
    if (!open.length) return;
    const [a, b, value] = open[0];
    const both = element("div", { className: "pair" });
    for (const group of [a, b]) {
      const one = element("div");
      one.append(element("b", { textContent: label(group) }), faces(group.tracks, 8));
      both.append(one);
    }
    const bar = element("p", { className: "bar" });
    const answer = (words, act) => { const made = element("button", { type: "button", textContent: words }); made.addEventListener("click", act); return made; };
    bar.append(answer("One person", () => together([a.id, b.id])), answer("Two persons", () => different(a.id, b.id)),
      answer("Cannot tell", () => { apart.add(pairKey(a.id, b.id)); show("Left open."); }),
      element("span", { className: "facts", textContent: `likeness ${value}; ${open.length} pair${open.length > 1 ? "s" : ""} to look at` }));
    place.replaceChildren(both, bar);
  }
  const now = (was) => [...groups.values()].find((g) => g.was.includes(was) || g.id === was);
  function tools() {
    byId("merge").disabled = chosenPeople.size < 2;
    byId("merge").textContent = chosenPeople.size > 1 ? `Put ${chosenPeople.size} together` : "Put together";
    byId("part").disabled = !chosenFaces.size;
    byId("undo").disabled = !history.length;
    byId("save").disabled = !decisions;
  }
  function show(words = "") {
    for (const id of [...chosenPeople]) if (!groups.has(id)) chosenPeople.delete(id);
    if (words) { chosenFaces.clear(); chosenPeople.clear(); }
    const list = [...groups.values()].filter((g) => g.tracks.length || g.more).sort((a, b) => b.faces - a.faces || (a.id < b.id ? -1 : 1));
    byId("people").replaceChildren(...list.map(card));
    byId("stranger-faces").replaceChildren(...strangers.map(face));
    byId("strangers").hidden = !strangers.length;
    const nameless = list.filter((g) => !g.name).length, { people, strangers: more, faces: hidden } = data.left_out;
    byId("counts").textContent = `${list.length} people, ${nameless} without a name · ${Object.keys(data.films).length} films${people ? ` · ${people} people seen less are left out` : ""}${more ? ` · ${more} strangers are left out` : ""}${hidden ? ` · ${hidden} faces only in the table` : ""}`;
    const known = new Set([...data.credits, ...list.map((g) => g.name).filter(Boolean)]);
    byId("names").replaceChildren(...[...known].sort().map((value) => element("option", { value })));
    pair();
    tools();
    find();
    tell(words);
  }
  function find() {
    const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    const words = plain(byId("find").value.trim());
    for (const made of byId("people").children) {
      const group = groups.get(made.id.slice(5));
      made.hidden = !plain(`${group.name}\n${group.id}`).includes(words);
    }
  }
  byId("merge").addEventListener("click", () => together([...chosenPeople]));
  byId("part").addEventListener("click", part);
  byId("undo").addEventListener("click", undo);
  byId("save").addEventListener("click", save);
  byId("find").addEventListener("input", find);
  document.documentElement.csvOfLabels = csv;
  show();
  document.documentElement.dataset.ready = "true";
})();
