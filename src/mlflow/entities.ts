/** What the name before the dot means in a search of runs or logged models: `metrics.loss`, `params.lr`, `attr.status`. */

export const ENTITIES = {
  metric: 'metric',
  metrics: 'metric',
  parameter: 'parameter',
  param: 'parameter',
  params: 'parameter',
  tag: 'tag',
  tags: 'tag',
  attribute: 'attribute',
  attributes: 'attribute',
  attr: 'attribute',
} as const
