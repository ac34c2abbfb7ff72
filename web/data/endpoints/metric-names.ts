/** The quality metrics in the order in which they are shown, and how they are called. */

export const METRICS = ['roc_auc', 'log_loss', 'brier', 'accuracy', 'base_rate', 'mean_score'] as const
export type QualityMetric = (typeof METRICS)[number]

export const METRIC_NAMES: Readonly<Record<QualityMetric, string>> = {
  roc_auc: 'ROC AUC',
  log_loss: 'Log loss',
  brier: 'Brier score',
  accuracy: 'Accuracy',
  base_rate: 'Share of positives',
  mean_score: 'Mean score',
}
