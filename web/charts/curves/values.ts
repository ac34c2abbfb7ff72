/** One value of a curve. */

/** A value; null where it is NaN, so that the line breaks; undefined where the curve has no point, so that it goes on. */
export type Value = number | null | undefined
