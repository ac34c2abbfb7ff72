import { openTemporaryStore } from '../store/open.ts'
import { labelCases } from './labels.cases.ts'

labelCases('SQLite', openTemporaryStore)
