/** Steps with equal keys at the same time, on SQLite. */
import { flightCases } from './flight.cases.ts'

flightCases('SQLite', () => Promise.resolve(undefined))
