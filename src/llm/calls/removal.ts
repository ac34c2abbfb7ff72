/** Tables of calls, for whoever removes or gives away a project. */

/** Tables whose rows are of a project by their column `project`, and hold no name that two projects could both have. */
export const CALL_TABLES = ['llm_calls', 'llm_spent', 'llm_alerts'] as const
