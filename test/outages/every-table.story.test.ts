/** Each table in turn cannot be read. */
import { tableCases } from './tables.cases.ts'

tableCases(1)
