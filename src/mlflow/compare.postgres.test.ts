/** Comparisons of filters on a real PostgreSQL. */
import { emptyPostgres } from '../../test/databases.ts'
import { compareCases } from './compare.cases.ts'

compareCases('PostgreSQL', emptyPostgres)
