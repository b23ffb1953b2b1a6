"use strict";
// The lanes of the timeline as Bokeh figures over one shared range of seconds.
const Lanes = (() => {
  const ROW_HEIGHT = 18, LINES_HEIGHT = 76, ALONE_HEIGHT = 26;
  const CHARACTER_PX = 6.3, LEAST_TEXT_PX = 24, TICK_PX = 110, PALE = 0.55;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const palette = () => [1, 2, 3, 4, 5, 6, 7, 8].map((n) => css(`--c${n}`));

  const figure = (height, x_range, y_range) => Bokeh.Plotting.figure({
    height, x_range, y_range, sizing_mode: "stretch_width", x_axis_type: null, y_axis_type: null, tools: [],
    toolbar_location: null, min_border: 0, outline_line_color: null,
    output_backend: "canvas", lod_threshold: null,
  });
  /** The card's colour behind a figure: without it the last picture shines through at the edges. */
  const fill = (plot) => { plot.background_fill_color = plot.border_fill_color = css("--card"); };
  const range = (start, end) => new Bokeh.Range1d({ start, end });

  /** The kinds of a lane, which colours distinguish, in the order of their names; more than eight share colours. A lane of
   * people's labels has the kinds of its model first: what is of one name is of one colour in both. */
  function kinds(lane) {
    return lane.row ? lane.rows : lane.kinds || [...new Set(lane.label)].sort();
  }
  function colours(lane) {
    const known = palette(), number = new Map(kinds(lane).map((kind, n) => [kind, n]));
    const of = {
      alternate: (i) => (i % 2 ? css("--lane-b") : css("--lane-a")),
      plain: () => css("--lane-a"),
      category: (i) => known[(lane.row ? lane.row[i] : number.get(lane.label[i])) % known.length],
    }[lane.colour] || (() => known[0]);
    return lane.start.map((_, i) => of(i));
  }
  /** How strong: by its value from one half to one; the second eight kinds are paler than the first. */
  function strengths(lane) {
    const number = new Map(kinds(lane).map((kind, n) => [kind, n]));
    const pale = (i) => lane.colour === "category" && !lane.row && number.get(lane.label[i]) > 7;
    return lane.start.map((_, i) => (lane.value ? 0.25 + 0.75 * (lane.value[i] * 2 - 1) : pale(i) ? PALE : 1));
  }

  function spans(lane, element, view) {
    const rows = lane.rows.length, height = rows > 1 ? rows * ROW_HEIGHT : ALONE_HEIGHT;
    const plot = figure(height, view, range(rows, 0));
    const at = (i) => (lane.row ? lane.row[i] : 0);
    const source = new Bokeh.ColumnDataSource({ data: {
      left: lane.start, right: lane.end,
      top: lane.start.map((_, i) => at(i) + 0.12), bottom: lane.start.map((_, i) => at(i) + 0.88),
      colour: colours(lane), alpha: strengths(lane),
    } });
    const field = (name) => ({ field: name });
    plot.quad({ left: field("left"), right: field("right"), top: field("top"), bottom: field("bottom"), source,
      fill_color: field("colour"), fill_alpha: field("alpha"), line_color: null });
    // What is of one picture, or short for the whole film, is less than a pixel wide: its begin is drawn as a line too.
    plot.segment({ x0: field("left"), x1: field("left"), y0: field("top"), y1: field("bottom"), source,
      line_color: field("colour"), line_alpha: field("alpha"), line_width: 2 });
    const marks = mark(plot, lane, rows);
    const words = new Bokeh.ColumnDataSource({ data: { x: [], y: [], text: [] } });
    const text = plot.text({ x: field("x"), y: field("y"), text: field("text"), source: words, text_baseline: "middle",
      text_font_size: "11px", text_font: "system-ui, sans-serif", x_offset: 5, text_color: css("--on-lane") });
    element.style.height = `${height}px`;
    return {
      plot,
      paint() {
        fill(plot);
        source.data = { ...source.data, colour: colours(lane) };
        if (marks) marks.glyph.line_color = css("--warn");
        text.glyph.text_color = lane.colour === "category" ? css("--on-colour") : css("--on-lane");
      },
      write(start, end, width) {
        if (lane.written) words.data = fitting(lane, at, start, end, width / (end - start));
      },
    };
  }

  /** A line at the foot of a lane where people and model differ. */
  function mark(plot, lane, rows) {
    if (!lane.differs || !lane.differs.length) return null;
    const data = { x0: lane.differs.map(([start]) => start), x1: lane.differs.map(([, end]) => end), y: lane.differs.map(() => rows - 0.04) };
    return plot.segment({ x0: { field: "x0" }, x1: { field: "x1" }, y0: { field: "y" }, y1: { field: "y" },
      source: new Bokeh.ColumnDataSource({ data }), line_width: 3, line_cap: "round" });
  }

  /** The words of spans that are in view, as many characters as their width holds; of those that lie over each other the
   * first one's. */
  function fitting(lane, at, start, end, perSecond) {
    const found = { x: [], y: [], text: [] }, until = new Map();
    for (let i = 0; i < lane.start.length; i++) {
      if (lane.start[i] < (until.get(at(i)) ?? -Infinity) - 1e-3) continue;
      const from = Math.max(lane.start[i], start), room = (Math.min(lane.end[i], end) - from) * perSecond - 10;
      if (room < LEAST_TEXT_PX - 10) continue;
      const most = Math.floor(room / CHARACTER_PX), whole = lane.label[i];
      const label = whole.length <= most ? whole : (/\d+$/.exec(whole) || [whole])[0];
      until.set(at(i), lane.end[i]);
      found.x.push(from);
      found.y.push(at(i) + 0.5);
      found.text.push(label.length <= most ? label : label.slice(0, Math.max(1, most - 1)) + "…");
    }
    return found;
  }

  function lines(lane, element, view) {
    const room = (lane.high - lane.low) / 25;
    const plot = figure(LINES_HEIGHT, view, range(lane.low - (lane.filled ? 0 : room), lane.high + room));
    const middle = new Bokeh.Span({ dimension: "width", location: (lane.low + lane.high) / 2, line_width: 1 });
    plot.add_layout(middle);
    const drawn = lane.series.map((series, n) => {
      const source = new Bokeh.ColumnDataSource({ data: { x: lane.x, y: series.y.map((y) => y ?? NaN), low: series.y.map(() => lane.low) } });
      const area = lane.filled && plot.varea({ x: { field: "x" }, y1: { field: "low" }, y2: { field: "y" }, source,
        fill_alpha: 0.25 });
      return { n, area, line: plot.line({ x: { field: "x" }, y: { field: "y" }, source, line_width: 1.5 }) };
    });
    element.style.height = `${LINES_HEIGHT}px`;
    return {
      plot,
      paint() {
        fill(plot);
        middle.line_color = css("--rule");
        for (const { n, area, line } of drawn) {
          const colour = palette()[n + (lane.filled ? 2 : 0)];
          line.glyph.line_color = colour;
          if (area) area.glyph.fill_color = colour;
        }
      },
      write() {},
    };
  }

  /** The overview: all shots (or scenes) of the film, and a frame around what the lanes show. */
  function overview(lane, duration, element, view) {
    const plot = figure(30, range(0, duration), range(1, 0));
    const shown = lane ? { left: lane.start, right: lane.end } : { left: [0], right: [duration] };
    const source = new Bokeh.ColumnDataSource({ data: { ...shown, colour: shown.left.map(() => css("--lane-a")) } });
    plot.quad({ left: { field: "left" }, right: { field: "right" }, top: 0.1, bottom: 0.9, source,
      fill_color: { field: "colour" }, line_color: null });
    const frame = new Bokeh.RangeTool({ x_range: view });
    frame.overlay.fill_alpha = 0.3;
    frame.overlay.line_color = null;
    plot.add_tools(frame);
    element.style.height = "30px";
    return {
      plot,
      paint() {
        fill(plot);
        const colour = (_, i) => (i % 2 ? css("--lane-b") : css("--lane-a"));
        source.data = { ...source.data, colour: shown.left.map(colour) };
        frame.overlay.fill_color = css("--accent");
      },
      write() {},
    };
  }

  function axis(element, view) {
    const plot = figure(26, view, range(0, 1));
    const ticker = new Bokeh.AdaptiveTicker({ base: 60, mantissas: [1, 2, 5, 10, 15, 30], min_interval: 1, num_minor_ticks: 0 });
    const made = new Bokeh.LinearAxis({
      ticker, formatter: new Bokeh.NumeralTickFormatter({ format: "00:00:00" }),
      axis_line_color: null, major_tick_in: 0, major_tick_out: 4, major_label_text_font_size: "11px",
      major_label_text_font: "system-ui, sans-serif",
    });
    plot.add_layout(made, "below");
    element.style.height = "26px";
    return {
      plot,
      paint() {
        fill(plot);
        made.major_label_text_color = css("--muted");
        made.major_tick_line_color = css("--rule");
      },
      write(_start, _end, width) { ticker.desired_num_ticks = Math.max(2, Math.floor(width / TICK_PX)); },
    };
  }

  const make = (lane, element, view) => (lane.kind === "lines" ? lines : spans)(lane, element, view);
  return { make, overview, axis, kinds, range, PALE };
})();
