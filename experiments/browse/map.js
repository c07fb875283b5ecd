// The map of the gallery: points that are clicked, or reached by the arrow keys.

const MARGIN = 0.03, NEAR = 12; // Of the side; and CSS pixels within which a click finds a point.
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class GalleryMap {
  /** `name(number)` describes an image below the map, and `search(number)` is called for one that is chosen. */
  constructor(canvas, points, name, search) {
    Object.assign(this, { canvas, points, name, search, cursor: null, query: null, answers: [] });
    canvas.addEventListener("click", (event) => this.choose(this.at(event)));
    canvas.addEventListener("pointermove", (event) => this.point(this.at(event)));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.point(null));
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Marks what is searched for, [x, y] from 0 to 1000, and the images that were found. */
  mark(query, answers) {
    this.query = query;
    this.answers = answers;
    this.draw();
  }

  place(x, y) {
    const side = this.canvas.clientWidth, inner = side * (1 - 2 * MARGIN);
    return [side * MARGIN + inner * x / 1000, side * (1 - MARGIN) - inner * y / 1000];
  }

  at(event) {
    const { x, y } = this.points;
    let nearest = null, least = NEAR ** 2;
    for (let number = 0; number < x.length; number++) {
      const [across, down] = this.place(x[number], y[number]);
      const squared = (across - event.offsetX) ** 2 + (down - event.offsetY) ** 2;
      if (squared < least) [nearest, least] = [number, squared];
    }
    return nearest;
  }

  choose(number) {
    if (number !== null) this.search(number);
  }

  point(number) {
    if (number === this.cursor) return;
    this.cursor = number;
    this.name(number);
    this.draw();
  }

  key(event) {
    if (event.key === "Enter") this.choose(this.cursor);
    if (!(event.key in DIRECTIONS)) return;
    event.preventDefault();
    this.point(this.next(DIRECTIONS[event.key]));
  }

  /** The image nearest in a direction: steps to the side count twice. */
  next([right, up]) {
    const { x, y } = this.points;
    if (this.cursor === null) return this.answers[0] ?? 0;
    let nearest = this.cursor, least = Infinity;
    for (let number = 0; number < x.length; number++) {
      const across = x[number] - x[this.cursor], above = y[number] - y[this.cursor];
      const ahead = across * right + above * up, aside = Math.abs(across * up) + Math.abs(above * right);
      if (ahead > aside && ahead + 2 * aside < least) [nearest, least] = [number, ahead + 2 * aside];
    }
    return nearest;
  }

  draw() {
    const { x, y } = this.points, side = this.canvas.clientWidth, scale = devicePixelRatio;
    this.canvas.width = this.canvas.height = Math.round(side * scale);
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    const style = getComputedStyle(this.canvas), dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const [text, accent, ground] = ["--text", "--accent", "--ground"].map((name) => style.getPropertyValue(name));
    const size = x.length > 20000 ? 1.5 : x.length > 3000 ? 2.5 : 4;
    pen.globalAlpha = 0.6;
    for (let number = 0; number < x.length; number++) {
      // Hues of the golden angle: those of neighbouring numbers are far apart.
      const hue = (this.points.class[number] * 137.5) % 360;
      pen.fillStyle = `hsl(${hue} ${dark ? "60% 65%" : "65% 42%"})`;
      const [across, down] = this.place(x[number], y[number]);
      pen.fillRect(across - size / 2, down - size / 2, size, size);
    }
    pen.globalAlpha = 1;
    pen.strokeStyle = ground;
    pen.fillStyle = text;
    for (const number of this.answers) {
      pen.beginPath();
      pen.arc(...this.place(x[number], y[number]), 4, 0, 7);
      pen.fill();
      pen.stroke();
    }
    pen.lineWidth = 3;
    if (this.query) this.ring(pen, this.place(...this.query), 9, text);
    if (this.cursor !== null) this.ring(pen, this.place(x[this.cursor], y[this.cursor]), 6, accent);
  }

  ring(pen, place, radius, colour) {
    pen.beginPath();
    pen.strokeStyle = colour;
    pen.arc(...place, radius, 0, 7);
    pen.stroke();
  }
}
