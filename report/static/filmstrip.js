"use strict";
// Thumbnails on sheets: the strip above the lanes, and the picture at the pointer. Sheets are fetched when needed.
class Filmstrip {
  constructor(thumbnails, canvas, onLoad) {
    Object.assign(this, { thumbnails, canvas, onLoad, sheets: new Map() });
    this.perSheet = thumbnails.columns * thumbnails.rows;
    this.overview = thumbnails.times_s.map((_, i) => i).filter((i) => thumbnails.places[i] < this.perSheet);
    this.all = thumbnails.times_s.map((_, i) => i);
  }

  /** The thumbnail nearest to a time, of some in the order of time: by halving. */
  nearest(seconds, among = this.all) {
    const time = (i) => this.thumbnails.times_s[among[i]];
    let low = 0, high = among.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (time(middle) < seconds) low = middle + 1; else high = middle;
    }
    const before = low > 0 && seconds - time(low - 1) <= time(low) - seconds ? low - 1 : low;
    return among[before];
  }

  place(index) {
    const { places, columns, width, height, sheets } = this.thumbnails;
    const sheet = Math.floor(places[index] / this.perSheet), tile = places[index] % this.perSheet;
    return { url: sheets[sheet], x: (tile % columns) * width, y: Math.floor(tile / columns) * height };
  }

  sheet(url) {
    if (!this.sheets.has(url)) {
      const image = new Image();
      image.onload = () => this.onLoad();
      image.src = url;
      this.sheets.set(url, image);
    }
    return this.sheets.get(url);
  }

  /** Draw as many pictures as fit, each the one nearest to the middle of its place. */
  draw(start, end) {
    const ratio = devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !this.all.length) return;
    [this.canvas.width, this.canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const tile = height * this.thumbnails.width / this.thumbnails.height, count = Math.max(1, Math.round(width / tile));
    const inView = this.overview.filter((i) => this.thumbnails.times_s[i] >= start && this.thumbnails.times_s[i] <= end);
    const among = inView.length >= 0.6 * count ? this.overview : this.all, each = width / count;
    for (let n = 0; n < count; n++) {
      const { url, x, y } = this.place(this.nearest(start + (n + 0.5) / count * (end - start), among)), image = this.sheet(url);
      if (!image.complete || !image.naturalWidth) continue;
      const cut = Math.min(this.thumbnails.width, this.thumbnails.height * each / height);
      context.drawImage(image, x + (this.thumbnails.width - cut) / 2, y, cut, this.thumbnails.height, n * each, 0, each - 1, height);
    }
  }

  /** Show the picture at a time as an element's background. */
  show(element, seconds) {
    if (!this.all.length) { element.hidden = true; return; }
    const { url, x, y } = this.place(this.nearest(seconds));
    this.sheet(url);
    const { width, height } = this.thumbnails;
    Object.assign(element.style, { width: `${width}px`, height: `${height}px`, backgroundImage: `url("${url}")`,
      backgroundPosition: `-${x}px -${y}px` });
  }
}
