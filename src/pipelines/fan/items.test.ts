/** Items of steps on SQLite. */
import { fanCases } from './items.cases.ts'

fanCases('SQLite', () => Promise.resolve(undefined))
