/** Triggers on PostgreSQL. */
import { triggerCases } from './triggers.cases.ts'

triggerCases('PostgreSQL', 'stories')
