/** A viewer's worst requests on PostgreSQL. */
import { worstRequestCases } from './worst-request.cases.ts'

worstRequestCases('PostgreSQL')
