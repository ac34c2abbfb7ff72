/** Kinds of incidents: what a monitor finds wrong. */

export const INCIDENT_KINDS = [
  'drift',
  'quality',
  'freshness',
  'serving',
  'search',
  'unanswered',
  'notification',
  'unwatched',
] as const
