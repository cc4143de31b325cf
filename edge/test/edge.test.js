// Run with `node --test edge/test/`. The vectors are what `tactful assign` computes; a Rust test keeps them so.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import * as edge from "../tactful-edge.js";

const { assign, latticeRow, loadModel, ModelError } = edge;
const here = (name) => new URL(name, import.meta.url);
const read = (file) => JSON.parse(readFileSync(file, "utf8"));
const files = readdirSync(here("../vectors/")).map((name) => here(`../vectors/${name}`));
// A folder of larger sets can be handed in by the Rust tests.
const extra = process.env.TACTFUL_EDGE_VECTORS;
const more = extra ? readdirSync(extra).map((name) => `${extra}/${name}`) : [];
const sets = [...files, ...more].map(read);
const first = () => structuredClone(sets[0].model);

test("every shared vector gives what Rust gives", () => {
  let checked = 0;
  for (const { name, model, cases } of sets) {
    const loaded = loadModel(model);
    for (const { about, as_of: asOf, receipts, steps, expected } of cases) {
      assert.deepEqual(latticeRow(loaded, receipts, { asOf }).steps, steps, `${name}: ${about}`);
      assert.deepEqual(assign(loaded, receipts, { optedOut: false, asOf }), expected, `${name}: ${about}`);
      checked += 1;
    }
  }
  assert.ok(files.length >= 3 && checked >= 60, `${checked} cases`);
});

test("somebody who opted out is placed nowhere, and nothing of theirs is looked at", () => {
  const model = loadModel(first());
  const untouchable = new Proxy([], { get: () => assert.fail("a receipt was looked at") });
  for (const optedOut of [true, null, undefined, "no", "false", 0, 1]) {
    assert.deepEqual(assign(model, untouchable, { optedOut }), { segment: null, reason: "opted-out" });
  }
  // Whoever forgets to ask, or misspells it, places nobody.
  for (const options of [undefined, {}, { asOf: "2026-01-31" }, { optedout: false }]) {
    assert.deepEqual(assign(model, untouchable, options), { segment: null, reason: "opted-out" });
  }
});

test("a broken model is refused with the name of the part", () => {
  const broken = [
    [(m) => { m.format = "other"; }, "format"],
    [(m) => { m.version = 2; }, "version 2"],
    [(m) => { m.window.end = m.window.start; }, "window"],
    [(m) => { m.window = null; }, "window"],
    [(m) => { m.categories.x = 99; }, "categories"],
    [(m) => { m.categories = []; }, "categories"],
    [(m) => { m.features = []; }, "features"],
    [(m) => { m.features[0].kind = "weekday"; }, "features"],
    [(m) => { m.features[0].upper = m.features[0].lower; }, "features"],
    [(m) => { m.features[0].half = 4096; }, "features"],
    [(m) => { m.segments = []; }, "segments"],
    [(m) => { m.segments[0].steps.pop(); }, "segments"],
    [(m) => { m.segments[0].steps[0] = 0.5; }, "segments"],
    [(m) => { m.segments[0].steps[0] = 1e9; }, "segments"],
    [(m) => { m.segments[0].promotions = [{}]; }, "promotions"],
    [(m) => { m.lines.negative = "keep"; }, "lines"],
    [(m) => { m.lines.cap = 2 ** 60; }, "lines"],
    [(m) => { delete m.lines.discounts; }, "lines"],
    [(m) => { m.simulated = "yes"; }, "head"],
  ];
  for (const [change, part] of broken) {
    const model = first();
    change(model);
    assert.throws(() => loadModel(model), (error) => error instanceof ModelError && error.message.includes(part), part);
  }
  for (const nothing of [null, undefined, 7, [], "", "{", "null"]) assert.throws(() => loadModel(nothing), ModelError);
  assert.throws(() => assign(first(), [], { optedOut: false }), ModelError, "a model is checked before it is used");
  assert.ok(loadModel(JSON.stringify(first())));
});

test("no error shows a receipt, and no receipt makes an error", () => {
  const model = loadModel(first());
  const secret = "4711-SECRET";
  const odd = [null, 7, secret, [secret], {}, { date: secret, amount: secret, category: { secret }, basket: [secret] }];
  assert.equal(assign(model, odd, { optedOut: false }).segment, null);
  for (const receipts of [null, undefined, secret, { secret }]) {
    assert.throws(() => assign(model, receipts, { optedOut: false }), (error) => error instanceof TypeError && !error.message.includes("SECRET"));
  }
  for (const asOf of ["today", "2026-02-30", "2026-01-01T00:00:00", 7, {}]) {
    assert.throws(() => assign(model, [], { optedOut: false, asOf }), TypeError);
  }
});

test("an answer can be changed without changing the model", () => {
  const set = sets.find(({ cases }) => cases.some(({ expected }) => expected.promotions?.length > 0));
  const { receipts, as_of: asOf } = set.cases.find(({ expected }) => expected.promotions?.length > 0);
  const model = loadModel(set.model);
  const answer = assign(model, receipts, { optedOut: false, asOf });
  answer.promotions[0].title = "changed";
  answer.promotions.length = 0;
  assert.ok(assign(model, receipts, { optedOut: false, asOf }).promotions[0].title !== "changed");
});

test("the types name what the module exports", () => {
  const types = readFileSync(here("../tactful-edge.d.ts"), "utf8");
  const declared = [...types.matchAll(/export declare (?:function|class) (\w+)/g)].map((found) => found[1]);
  assert.deepEqual(declared.sort(), Object.keys(edge).sort());
});

test("the module reaches for nothing: no network, storage, clock or import", () => {
  const source = readFileSync(here("../tactful-edge.js"), "utf8");
  const reach = /\b(import|require|fetch|XMLHttpRequest|WebSocket|localStorage|indexedDB|document|navigator|process|Date|random|eval|globalThis)\b/g;
  const code = source.replace(/\/\*[^]*?\*\/|\/\/[^\n]*/g, "");
  assert.deepEqual(code.match(reach), null);
  const { dependencies, devDependencies, private: kept } = JSON.parse(readFileSync(here("../package.json"), "utf8"));
  assert.deepEqual([dependencies, devDependencies, kept], [undefined, undefined, true]);
});
