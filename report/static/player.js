"use strict";
// The player and the list of shots beside it. A click anywhere on the page seeks; while it plays, timeline and list follow.
const Player = (() => {
  const THUMBNAIL_PX = 96, INSIDE_S = 0.001;
  const byId = (id) => document.getElementById(id);

  /** A row of the list: its picture (once it is in view), its time, how it begins. */
  function row(shot, shots, strip, goTo) {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    const words = document.createElement("span");
    words.append(Object.assign(document.createElement("b"), { textContent: Tables.clock(shots.start[shot]) }),
      Object.assign(document.createElement("span"), { textContent: shots.label[shot] }),
      Object.assign(document.createElement("span"), { textContent: `${(shots.end[shot] - shots.start[shot]).toFixed(2)} s` }));
    if (strip) button.append(Object.assign(document.createElement("span"), { className: "picture" }));
    button.append(words);
    button.addEventListener("click", () => goTo(shots.start[shot]));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  /** The picture of a shot's middle, in the size of the list. */
  function paint(element, strip, seconds) {
    const { width, height, columns } = strip.thumbnails, scale = Math.min(1, THUMBNAIL_PX / width);
    const { url, x, y } = strip.place(strip.nearest(seconds));
    Object.assign(element.style, { width: `${Math.round(width * scale)}px`, height: `${Math.round(height * scale)}px`,
      backgroundImage: `url("${url}")`, backgroundSize: `${columns * width * scale}px auto`,
      backgroundPosition: `-${x * scale}px -${y * scale}px` });
  }

  function list(shots, thumbnails, goTo) {
    const place = byId("shot-list"), strip = thumbnails.sheets.length ? new Filmstrip(thumbnails, null, () => {}) : null;
    const rows = shots.start.map((_, shot) => row(shot, shots, strip, goTo));
    place.append(...rows);
    if (!strip) return rows;
    const seen = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        const shot = rows.indexOf(target);
        paint(target.querySelector(".picture"), strip, (shots.start[shot] + shots.end[shot]) / 2);
        seen.unobserve(target);
      }
    }, { root: place, rootMargin: "200px" });
    rows.forEach((made) => seen.observe(made));
    return rows;
  }

  /** Mark the shot at a time, and bring it into the list's view; the page itself does not move. */
  function follower(shots, rows) {
    let marked = -1;
    return (seconds) => {
      const shot = shots.start.findLastIndex((start) => start <= seconds + INSIDE_S);
      if (shot === marked || shot < 0) return;
      rows[marked]?.removeAttribute("aria-current");
      rows[shot].setAttribute("aria-current", "true");
      marked = shot;
      const place = byId("shot-list"), { offsetTop: top, offsetHeight: height } = rows[shot];
      if (top < place.scrollTop || top + height > place.scrollTop + place.clientHeight) place.scrollTop = top - height;
    };
  }

  function cannotPlay(video) {
    const words = byId("cannot-play"), name = decodeURIComponent(video.getAttribute("src")).split("/").pop();
    words.textContent = `This browser cannot play ${name}: it is no longer where it was, or of a format that the browser does not know. Timeline, pictures and tables need no player.`;
    words.hidden = false;
    video.hidden = true;
    byId("player").classList.add("silent");
  }

  /** The page's player, or null where it has none. neighbour: gives the start of the shot so many shots away. */
  function attach({ shots, thumbnails, goTo, neighbour }) {
    const video = byId("video");
    if (!video) return null;
    const rows = shots ? list(shots, thumbnails, goTo) : [], follow = shots ? follower(shots, rows) : () => {};
    if (!rows.length) byId("shot-list").hidden = true;
    const show = (seconds) => {
      follow(seconds);
      byId("now").textContent = Tables.clock(seconds);
    };
    video.addEventListener("timeupdate", () => {
      if (video.seeking) return;
      show(video.currentTime);
      goTo(video.currentTime, { played: true });
    });
    video.addEventListener("error", () => cannotPlay(video));
    if (video.error) cannotPlay(video);
    byId("shot-before").addEventListener("click", () => goTo(neighbour(-1)));
    byId("shot-after").addEventListener("click", () => goTo(neighbour(1)));
    show(0);
    return {
      /** Show the picture at a time: a hair behind its beginning, so that rounding does not show the one before. */
      seek(seconds) {
        show(seconds);
        if (!video.error) video.currentTime = seconds + (seconds > 0 ? INSIDE_S : 0);
      },
      toggle() { if (video.paused) video.play().catch(() => {}); else video.pause(); },
    };
  }
  return { attach };
})();
