/** The mlflow client and servers on PostgreSQL, and with files in S3. */
import { mlflowClientCases } from './mlflow-client.cases.ts'

mlflowClientCases('PostgreSQL', 'disk')
mlflowClientCases('SQLite', 'S3')
