/** One line of a receipt. What has another type than stands here counts as missing. */
export interface ReceiptLine {
  /** Day of the purchase, `YYYY-MM-DD`, alone or followed by a clock time. */
  date?: string | null;
  /** Id of the basket; without one a day is a basket. */
  basket?: string | number | null;
  /** Category, as the shop names it. */
  category?: string | number | null;
  /** What was paid for the line, in currency units; negative for a return. */
  amount?: number | null;
  /** Number of pieces, where the model multiplies; negative for a return. */
  quantity?: number | null;
  /** Price of a piece, where the model multiplies. */
  price?: number | null;
  /** What the line was reduced by, in currency units; its sign is ignored. */
  discount?: number | null;
}

/** A promotion that fits a segment. */
export interface Promotion {
  id: string;
  title: string;
  /** One plain sentence. */
  reason: string;
}

/** Why a customer is in no segment. */
export type NoSegmentReason = "opted-out" | "no-receipts" | "no-purchase-in-window";

/** What is known of one customer. It is a profile: keep it where the receipts are. */
export type Assignment =
  | { segment: string; label: string; promotions: Promotion[] }
  | { segment: null; reason: NoSegmentReason };

/** A model that was checked. */
export interface Model {
  readonly population: string;
  readonly unit: string;
  /** When the release was made, UTC. */
  readonly created: string;
  /** Whether the data behind it were made up. */
  readonly simulated: boolean;
  readonly segments: readonly {
    readonly id: string;
    readonly label: string;
    readonly steps: readonly number[];
    readonly promotions: readonly Readonly<Promotion>[];
  }[];
}

export interface WindowOptions {
  /** The last day of the window, `YYYY-MM-DD`; without it the window is the release's own. */
  asOf?: string | null;
}

export interface AssignOptions extends WindowOptions {
  /** The hook for an objection: with anything but `false`, and without it, no receipt is looked at. */
  optedOut: boolean;
}

/** A model that cannot be used. Its message holds no receipt. */
export declare class ModelError extends Error {
  constructor(message: string);
}

/** Checks a model once, for any number of customers. Throws `ModelError`. */
export declare function loadModel(source: string | object): Model;

/** The segment of the customer whose receipts these are, all of them. Throws `TypeError` for what is no list of lines or no day. */
export declare function assign(model: Model, receipts: readonly ReceiptLine[], options: AssignOptions): Assignment;

/** What the assignment sees of a customer: one whole number a feature, or `null` with the reason. */
export declare function latticeRow(
  model: Model,
  receipts: readonly ReceiptLine[],
  options?: WindowOptions,
): { steps: number[]; reason: null } | { steps: null; reason: NoSegmentReason };
