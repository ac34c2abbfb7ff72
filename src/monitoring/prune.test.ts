/** Pruned monitors on SQLite. */
import { openTemporaryStore } from '../store/open.ts'
import { pruneCases } from './prune.cases.ts'

pruneCases('SQLite', openTemporaryStore)
