/** Some of the tables cannot be read, one at a time; the second part of the check takes all of them. */
import { tableCases } from './tables.cases.ts'

tableCases(10)
