/** Pruned monitors on a real PostgreSQL. */
import { migratedPostgres } from '../../test/databases.ts'
import { pruneCases } from './prune.cases.ts'

pruneCases('PostgreSQL', migratedPostgres)
