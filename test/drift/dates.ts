/** Midnight in New York (standard or summer time) of days of 2013, as whole hours since 1970. */
const HOUR = 3_600_000

export const JAN_8 = Date.UTC(2013, 0, 8, 5) / HOUR
export const JULY = Date.UTC(2013, 6, 1, 4) / HOUR
export const SEPTEMBER_12 = Date.UTC(2013, 8, 12, 4) / HOUR
export const NEW_YEAR = Date.UTC(2014, 0, 1, 5) / HOUR
