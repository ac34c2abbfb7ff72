-- JSON of ServedGraph: the ONNX export that answers for a version of another library; NULL for every other version
ALTER TABLE model_versions ADD COLUMN lowering_onnx TEXT;
