/** Traces of real clients on a server with SQLite. */
import { traceCases } from './traces.cases.ts'

traceCases('SQLite')
