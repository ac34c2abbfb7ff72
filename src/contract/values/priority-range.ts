/** How far a run may be moved in the line; apart from the schema, so that pages have it without one. */

/** Points that a run may have at most, and with a minus sign at least. */
export const MOST_PRIORITY = 10
