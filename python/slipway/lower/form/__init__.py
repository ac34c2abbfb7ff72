"""The flat form that models are lowered to: columns, the graph, trees, orders of sums."""
