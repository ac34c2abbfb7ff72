/** Placeholders in the params of a retraining that a monitor starts. */

/** A day: that of the incident, or so many days before it. */
export const UNTIL = /^\{until(?:-(\d{1,4})d)?\}$/
/** The list of the rows that are marked bad. */
export const BAD_ROWS = '{bad_rows}'
