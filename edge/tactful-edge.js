/**
 * Local assignment: which segment a customer belongs to, worked out on their own receipts, where they are.
 *
 * No network, no storage, no clock, no randomness, no dependency. Every step is the one that `tactful assign` does, in whole
 * numbers or in IEEE 754 doubles in the same order, so that both give the same segment; `vectors/` holds both to it.
 *
 * @module tactful-edge
 */

const FORMAT = "tactful-edge";
const VERSION = 1;

/** Largest step of a point: squared distances over 127 features stay whole numbers in a double. */
const STEP_LIMIT = 65536;
const KINDS = new Set([
  "spend_share", "incidence", "frequency", "recency", "monetary", "basket_size", "breadth", "discount_share",
]);

/** A model that cannot be used. Its message names the part, and never a receipt. */
export class ModelError extends Error {
  constructor(message) {
    super(message);
    this.name = "ModelError";
  }
}

function must(holds, part) {
  if (!holds) throw new ModelError(`the model's ${part} cannot be used; export it again with tactful assign --export-edge`);
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value) => typeof value === "string";
const isIndex = (value, end) => Number.isInteger(value) && value >= 0 && value < end;

function checkedFeature(feature, groups) {
  must(isObject(feature) && KINDS.has(feature.kind), "features");
  const { kind, group, lower, upper, log, half } = feature;
  const grouped = kind === "spend_share" || kind === "incidence";
  must(grouped ? isIndex(group, groups ?? 0) : group === undefined, "features");
  must(Number.isFinite(lower) && Number.isFinite(upper) && lower < upper, "features");
  must(log === undefined || (Number.isFinite(log) && log > 0 && lower >= 0), "features");
  must(isIndex(half, 2049) && half > 0, "features");
  const low = spread(lower, log);
  const width = spread(upper, log) - low;
  must(Number.isFinite(width) && width > 0, "features");
  return Object.freeze({ kind, group, lower, upper, log, half, low, width });
}

function checkedSegment(segment, features) {
  must(isObject(segment) && isText(segment.id) && isText(segment.label), "segments");
  const { id, label, steps, promotions } = segment;
  must(Array.isArray(steps) && steps.length === features, "segments");
  must(steps.every((step) => Number.isInteger(step) && Math.abs(step) <= STEP_LIMIT), "segments");
  must(Array.isArray(promotions), "segments");
  const fit = promotions.map((promotion) => {
    must(isObject(promotion) && [promotion.id, promotion.title, promotion.reason].every(isText), "promotions");
    return Object.freeze({ id: promotion.id, title: promotion.title, reason: promotion.reason });
  });
  return Object.freeze({ id, label, steps: Object.freeze([...steps]), promotions: Object.freeze(fit) });
}

function checkedLines(lines) {
  must(isObject(lines) && ["amount", "quantity-price"].includes(lines.amount), "lines");
  must(typeof lines.baskets === "boolean" && typeof lines.discounts === "boolean", "lines");
  must(Number.isFinite(lines.amount_max), "lines");
  must(Number.isSafeInteger(lines.cap) && lines.cap >= 0, "lines");
  must(["net", "drop"].includes(lines.negative) && ["clip", "drop"].includes(lines.absurd), "lines");
  must(["keep", "drop"].includes(lines.duplicates), "lines");
  return Object.freeze({ ...lines });
}

/** Checks a model once, for any number of customers. Takes the parsed JSON, or its text. */
export function loadModel(source) {
  let raw = source;
  if (isText(raw)) {
    try {
      raw = JSON.parse(raw);
    } catch {
      throw new ModelError("the model is not JSON");
    }
  }
  must(isObject(raw) && raw.format === FORMAT, "format");
  if (raw.version !== VERSION) {
    throw new ModelError(`the model is of version ${Number(raw.version)}, this module reads version ${VERSION}`);
  }
  must(["population", "unit", "created"].every((key) => isText(raw[key])) && typeof raw.simulated === "boolean", "head");
  must(isObject(raw.window), "window");
  const [start, end] = [isoDay(raw.window.start), isoDay(raw.window.end)];
  must(start !== null && end !== null && start < end, "window");
  must(raw.groups === null || isIndex(raw.groups, 128), "groups");
  must(isObject(raw.categories), "categories");
  const categories = new Map(Object.entries(raw.categories));
  for (const group of categories.values()) must(isIndex(group, raw.groups ?? 0), "categories");
  must(Array.isArray(raw.features) && isIndex(raw.features.length - 1, 127), "features");
  const features = raw.features.map((feature) => checkedFeature(feature, raw.groups));
  must(Array.isArray(raw.segments) && isIndex(raw.segments.length - 1, 64), "segments");
  const segments = raw.segments.map((segment) => checkedSegment(segment, features.length));
  return Object.freeze({
    population: raw.population,
    unit: raw.unit,
    created: raw.created,
    simulated: raw.simulated,
    start,
    end,
    lines: checkedLines(raw.lines),
    groups: raw.groups,
    categories,
    features: Object.freeze(features),
    segments: Object.freeze(segments),
  });
}

/**
 * The segment of the customer whose receipts these are, all of them.
 *
 * `options.optedOut` must say `false`, or no receipt is looked at: who forgets to ask, or misspells it, places nobody. `options.asOf: "YYYY-MM-DD"` moves the window, at its length,
 * so that this is its last day.
 */
export function assign(model, receipts, options = {}) {
  const { optedOut, asOf = null } = options;
  if (optedOut !== false) return { segment: null, reason: "opted-out" };
  const { steps, reason } = latticeRow(model, receipts, { asOf });
  if (steps === null) return { segment: null, reason };
  let best = null;
  let least = Infinity;
  for (const segment of model.segments) {
    let square = 0;
    for (let i = 0; i < steps.length; i += 1) {
      const apart = segment.steps[i] - steps[i];
      square += apart * apart;
    }
    // The first among equals.
    if (square < least) [best, least] = [segment, square];
  }
  return { segment: best.id, label: best.label, promotions: best.promotions.map((promotion) => ({ ...promotion })) };
}

/** What the assignment sees of a customer: one whole number a feature, or `null` with the reason. Show it to them. */
export function latticeRow(model, receipts, options = {}) {
  if (!(model?.categories instanceof Map)) throw new ModelError("give a model that loadModel has checked");
  if (!Array.isArray(receipts)) throw new TypeError("receipts must be an array of lines");
  const window = windowOf(model, options.asOf ?? null);
  if (receipts.length === 0) return { steps: null, reason: "no-receipts" };
  const account = addUp(model, receipts, window);
  if (account.purchases === 0) return { steps: null, reason: "no-purchase-in-window" };
  return { steps: model.features.map((feature) => quantise(feature, valueOf(feature, account, window))), reason: null };
}

function windowOf(model, asOf) {
  if (asOf === null) return { start: model.start, end: model.end };
  const last = isText(asOf) && asOf.length === 10 ? isoDay(asOf) : null;
  if (last === null) throw new TypeError("asOf must be a day, YYYY-MM-DD");
  return { start: last + 1 - (model.end - model.start), end: last + 1 };
}

/** One customer's sums over the lines that count. */
function addUp(model, receipts, window) {
  const { lines } = model;
  const groups = model.groups ?? 1;
  const account = {
    cents: new Array(groups).fill(0n),
    bought: new Array(groups).fill(false),
    baskets: new Set(),
    purchases: 0,
    discount: 0n,
    lastDay: -Infinity,
    grouped: model.groups !== null,
  };
  const seen = new Set();
  for (const line of receipts) {
    if (!isObject(line)) continue;
    if (lines.duplicates === "drop") {
      const cells = cellsOf(model, line);
      if (seen.has(cells)) continue;
      seen.add(cells);
    }
    const group = model.groups === null ? 0 : model.categories.get(normal(idText(line.category) ?? ""));
    const day = isText(line.date) ? isoDay(line.date) : null;
    const amount = amountOf(lines, line);
    if (group === undefined || day === null || day < window.start || day >= window.end || amount === null) continue;
    const negative = amount < 0 || Object.is(amount, -0);
    if (negative && lines.negative === "drop") continue;
    if (Math.abs(amount) > lines.amount_max && lines.absurd === "drop") continue;
    account.cents[group] += BigInt(cents(amount, lines.cap));
    if (negative) continue;
    account.purchases += 1;
    const discount = lines.discounts ? (number(line.discount) ?? 0) : 0;
    account.discount += BigInt(cents(Math.abs(discount), lines.cap));
    account.lastDay = Math.max(account.lastDay, day);
    account.bought[group] = true;
    const basket = lines.baskets ? idKey(line.basket) : null;
    account.baskets.add(basket === null ? day : basket);
  }
  return account;
}

/** A line as it was written, to tell equal lines. */
function cellsOf(model, line) {
  const { lines } = model;
  const amounts = lines.amount === "amount" ? [line.amount] : [line.quantity, line.price];
  const numbers = (lines.discounts ? [...amounts, line.discount] : amounts).map((value) => {
    const written = typeof value === "number" && Number.isFinite(value) ? value : null;
    return Object.is(written, -0) ? "-0" : written;
  });
  const basket = lines.baskets ? idText(line.basket) : null;
  const category = model.groups === null ? null : idText(line.category);
  return JSON.stringify([idText(line.date), basket, category, ...numbers]);
}

function amountOf(lines, line) {
  if (lines.amount === "amount") return number(line.amount);
  const [quantity, price] = [number(line.quantity), number(line.price)];
  if (quantity === null || price === null) return null;
  const amount = quantity * price;
  return Number.isFinite(amount) ? amount : null;
}

/** A finite number, and no negative zero. */
function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value + 0 : null;
}

/** An id as text: text, or a whole number. An empty text is missing in a table, and so here. */
function idText(value) {
  if (Number.isSafeInteger(value)) return String(value + 0);
  return isText(value) ? value : null;
}

/** An id in one form: without outer blanks, without the `.0` that spreadsheets add. */
function idKey(value) {
  const text = trim(idText(value) ?? "");
  if (text === "" || /^(?:nan|null)$/i.test(text)) return null;
  return /^-?[0-9]+\.0+$/.test(text) ? text.slice(0, text.indexOf(".")) : text;
}

const BLANK = /^\p{White_Space}$/u;

/** Without outer white space as Unicode has it; `String.prototype.trim` takes a byte-order mark as well and leaves U+0085. */
function trim(text) {
  let [start, end] = [0, text.length];
  while (start < end && BLANK.test(text[start])) start += 1;
  while (end > start && BLANK.test(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

/** A category as names are compared. */
const normal = (name) => trim(name).toLowerCase();

/** Half away from zero, as money is rounded; `Math.round` rounds halves up. */
function round(value) {
  const size = Math.abs(value);
  const whole = Math.floor(size);
  const rounded = size - whole >= 0.5 ? whole + 1 : whole;
  return value < 0 ? -rounded : rounded;
}

/** Hundredths, cut to `cap`. Never a negative zero. */
const cents = (amount, cap) => Math.max(-cap, Math.min(cap, round(amount * 100))) + 0;

/** Days since 1970-01-01 of `YYYY-MM-DD`, alone or followed by a clock time; `null` for anything else. */
function isoDay(text) {
  if (!isText(text)) return null;
  const found = /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt ][0-9:.+\-Z ]{5,})?$/.exec(trim(text));
  if (found === null) return null;
  const [year, month, day] = [Number(found[1]), Number(found[2]), Number(found[3])];
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  if (month < 1 || month > 12 || day < 1 || day > lengths[month - 1]) return null;
  const before = year - 1;
  const years = 365 * year + Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  const months = lengths.slice(0, month - 1).reduce((sum, length) => sum + length, 0);
  // 1970-01-01 is counted as 719528.
  return years + months + day - 719528;
}

const ratio = (part, whole) => (whole === 0 ? 0 : part / whole);
const positive = (sum) => (sum > 0n ? sum : 0n);

/** A feature in its own unit. */
function valueOf(feature, account, window) {
  const spend = positive(account.cents.reduce((sum, part) => sum + part, 0n));
  switch (feature.kind) {
    case "spend_share": {
      const shared = account.cents.reduce((sum, part) => sum + positive(part), 0n);
      return ratio(Number(positive(account.cents[feature.group])), Number(shared));
    }
    case "incidence":
      return account.bought[feature.group] ? 1 : 0;
    case "frequency":
      return account.baskets.size;
    case "recency":
      return Math.floor((window.end - 1 - account.lastDay) / 28);
    case "monetary":
      return Number(spend) / 100;
    case "basket_size":
      return ratio(account.purchases, account.baskets.size);
    case "breadth":
      return account.grouped ? account.bought.filter(Boolean).length : 0;
    default:
      return ratio(Number(account.discount), Number(spend + account.discount));
  }
}

/** Exponents and powers of two, the largest first: 512, 256, …, 1. */
const POWERS = [[1, 2]];
while (POWERS.length < 10) POWERS.unshift([POWERS[0][0] * 2, POWERS[0][1] * POWERS[0][1]]);

/**
 * `ln(1 + x)` of a number that is not negative, to the last bit as the kernel computes it (`kernel/src/lattice.rs` has the why).
 * `Math.log1p` may differ in the last bit from engine to engine.
 */
function ln1p(x) {
  const y = 1 + x;
  if (!Number.isFinite(y)) return y;
  const lost = x < 1 ? x - (y - 1) : 1 - (y - x);
  let m = y;
  let k = 0;
  for (const [power, scale] of POWERS) {
    if (m >= scale) {
      m /= scale;
      k += power;
    }
  }
  if (m > Math.SQRT2) {
    m /= 2;
    k += 1;
  }
  const f = m - 1;
  const s = f / (2 + f);
  const z = s * s;
  let series = 0;
  for (let term = 21; term >= 3; term -= 2) series = (series + 1 / term) * z;
  return k * Math.LN2 + (2 * s * (1 + series) + lost / y);
}

function spread(value, log) {
  return log === undefined ? value : ln1p(value / log);
}

/** The lattice step of a value. */
function quantise(feature, value) {
  const { lower, upper, log, half, low, width } = feature;
  if (Number.isNaN(value) || value <= lower) return -half;
  const t = (spread(Math.min(value, upper), log) - low) / width;
  return Math.max(-half, Math.min(half, round((2 * t - 1) * half))) + 0;
}
