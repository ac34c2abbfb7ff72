/** The check of attributions on SQLite. */
import { openTemporaryStore } from '../../store/open.ts'
import { attributionCases } from './attribution.cases.ts'

attributionCases('SQLite', openTemporaryStore)
