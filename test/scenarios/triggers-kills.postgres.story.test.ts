/** Triggers on PostgreSQL whose server is killed. */
import { triggerCases } from './triggers.cases.ts'

triggerCases('PostgreSQL', 'kills')
