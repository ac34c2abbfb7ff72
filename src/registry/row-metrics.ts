/** Metrics that can be worked out from the rows of a hold-out. */
import { accuracy, auc, brier, logLoss } from '../stats/metrics.ts'

/** A metric of scores against labels by its name in MLflow's habits; undefined for one that rows alone do not give. */
export function rowMetric(metric: string, labels: ArrayLike<number>, scores: ArrayLike<number>): number | undefined {
  const data = { labels, scores }
  switch (metric) {
    case 'roc_auc':
      return auc(data)
    case 'log_loss':
      return logLoss(data)
    case 'brier':
      return brier(data)
    case 'accuracy':
      return accuracy(data)
    default:
      return undefined
  }
}
