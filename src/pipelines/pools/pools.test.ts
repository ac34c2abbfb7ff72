/** Pools on SQLite. */
import { poolCases } from './pools.cases.ts'

poolCases('SQLite', () => Promise.resolve(undefined))
