/** Traces of real clients on a server with PostgreSQL. */
import { traceCases } from './traces.cases.ts'

traceCases('PostgreSQL')
