/** The mlflow client and a server on SQLite with files on disk. */
import { mlflowClientCases } from './mlflow-client.cases.ts'

mlflowClientCases('SQLite', 'disk')
