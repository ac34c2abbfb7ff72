import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.mlflow.api.proto.Service.Experiment;
import org.mlflow.api.proto.Service.Metric;
import org.mlflow.api.proto.Service.Param;
import org.mlflow.api.proto.Service.Run;
import org.mlflow.api.proto.Service.RunInfo;
import org.mlflow.api.proto.Service.RunStatus;
import org.mlflow.api.proto.Service.RunTag;
import org.mlflow.api.proto.Service.ViewType;
import org.mlflow.tracking.ActiveRun;
import org.mlflow.tracking.MlflowClient;
import org.mlflow.tracking.MlflowContext;
import org.mlflow.tracking.MlflowHttpException;
import org.mlflow.tracking.RunsPage;
import org.mlflow.tracking.creds.BasicMlflowHostCreds;

/** MLflow's Java client against a server: prints one JSON line a check. Arguments: URL, token.
 * Files are left out: for them this client runs the mlflow package of Python. */
public class MlflowJava {
  public static void main(String[] args) throws Exception {
    MlflowClient client = new MlflowClient(new BasicMlflowHostCreds(args[0], args[1]));
    experiments(client);
    runs(client);
    pages(client);
    registry(client);
    fluent(client);
    refusals(client, args[0]);
    client.close();
  }

  private static void experiments(MlflowClient client) {
    String id = client.createExperiment("java");
    Optional<Experiment> found = client.getExperimentByName("java");
    check("experiment by name", found.isPresent() && found.get().getExperimentId().equals(id));
    check("no experiment by name", client.getExperimentByName("none").isEmpty());
    client.setExperimentTag(id, "team", "a");
    check("experiment tag", client.getExperiment(id).getTags(0).getValue().equals("a"));
    client.renameExperiment(id, "java renamed");
    client.deleteExperiment(id);
    check("deleted experiment", client.getExperiment(id).getLifecycleStage().equals("deleted"));
    client.restoreExperiment(id);
    check("experiments searched",
        client.searchExperiments("name = 'java renamed'").getItems().get(0).getExperimentId().equals(id));
  }

  private static void runs(MlflowClient client) {
    String id = client.createRun("0").getRunId();
    client.logParam(id, "p", "1");
    client.logMetric(id, "m", 1.5, 1000, 0);
    client.logMetric(id, "m", Double.NaN, 2000, 1);
    client.logMetric(id, "m", Double.POSITIVE_INFINITY, 3000, 2);
    client.setTag(id, "t", "ü");
    client.setTag(id, "gone", "x");
    client.deleteTag(id, "gone");
    client.logBatch(id,
        List.of(Metric.newBuilder().setKey("b").setValue(2).setTimestamp(1).setStep(-7).build()),
        List.of(Param.newBuilder().setKey("q").setValue("2").build()),
        List.of(RunTag.newBuilder().setKey("u").setValue("v").build()));
    List<Metric> history = client.getMetricHistory(id, "m");
    check("history", history.size() == 3 && history.get(0).getValue() == 1.5
        && Double.isNaN(history.get(1).getValue()) && history.get(2).getValue() > 1e308);
    client.setTerminated(id, RunStatus.FINISHED, 5000);
    Run run = client.getRun(id);
    check("run ended", run.getInfo().getStatus() == RunStatus.FINISHED && run.getInfo().getEndTime() == 5000);
    check("step below zero", run.getData().getMetricsList().stream().anyMatch(m -> m.getStep() == -7));
    check("params", run.getData().getParamsCount() == 2);
    check("tags", run.getData().getTagsList().stream().anyMatch(t -> t.getValue().equals("ü"))
        && run.getData().getTagsList().stream().noneMatch(t -> t.getKey().equals("gone")));
    client.deleteRun(id);
    check("run deleted", client.getRun(id).getInfo().getLifecycleStage().equals("deleted"));
    client.restoreRun(id);
  }

  private static void pages(MlflowClient client) {
    String experiment = client.createExperiment("java pages");
    List<String> made = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      String id = client.createRun(experiment).getRunId();
      client.logMetric(id, "i", i);
      made.add(id);
    }
    List<String> found = new ArrayList<>();
    RunsPage page = client.searchRuns(List.of(experiment), "metrics.i >= 1", ViewType.ACTIVE_ONLY, 2,
        List.of("metrics.i ASC"));
    for (Run run : page.getItems()) found.add(run.getInfo().getRunId());
    while (page.hasNextPage()) {
      page = (RunsPage) page.getNextPage();
      for (Run run : page.getItems()) found.add(run.getInfo().getRunId());
    }
    check("pages in order", found.equals(made.subList(1, 5)));
  }

  private static void registry(MlflowClient client) throws Exception {
    RunInfo run = client.createRun("0");
    client.sendPost("registered-models/create", "{\"name\": \"java model\"}");
    client.sendPost("model-versions/create",
        "{\"name\": \"java model\", \"source\": \"" + run.getArtifactUri() + "\", \"run_id\": \"" + run.getRunId() + "\"}");
    check("model", client.getRegisteredModel("java model").getLatestVersions(0).getVersion().equals("1"));
    check("version", client.getModelVersion("java model", "1").getRunId().equals(run.getRunId()));
    check("latest versions", client.getLatestVersions("java model").size() == 1);
    check("versions searched", client.searchModelVersions("name = 'java model'").getItems().size() == 1);
    check("download uri", !client.getModelVersionDownloadUri("java model", "1").isEmpty());
  }

  private static void fluent(MlflowClient client) {
    MlflowContext context = new MlflowContext(client);
    context.setExperimentName("java renamed");
    ActiveRun run = context.startRun("outer");
    run.logParam("alpha", "0.5");
    run.logMetric("loss", 0.1, 3);
    ActiveRun inner = context.startRun("inner", run.getId());
    inner.endRun();
    run.endRun();
    Run found = client.getRun(run.getId());
    check("fluent run", found.getInfo().getStatus() == RunStatus.FINISHED
        && found.getData().getMetrics(0).getStep() == 3 && found.getInfo().getRunName().equals("outer"));
    check("nested run", client.getRun(inner.getId()).getData().getTagsList().stream()
        .anyMatch(t -> t.getKey().equals("mlflow.parentRunId") && t.getValue().equals(run.getId())));
  }

  private static void refusals(MlflowClient client, String url) {
    check("no such run", refused(() -> client.getRun("none"), 404, "RESOURCE_DOES_NOT_EXIST"));
    check("name taken", refused(() -> client.createExperiment("java renamed"), 400, "RESOURCE_ALREADY_EXISTS"));
    MlflowClient stranger = new MlflowClient(new BasicMlflowHostCreds(url, "slw_wrong.wrong"));
    check("stranger", refused(() -> stranger.searchExperiments(), 401, "UNAUTHENTICATED"));
    stranger.close();
  }

  private static boolean refused(Runnable call, int status, String code) {
    try {
      call.run();
      return false;
    } catch (MlflowHttpException error) {
      return error.getStatusCode() == status && error.getBodyMessage().contains(code);
    }
  }

  private static void check(String name, boolean ok) {
    System.out.println("{\"check\": \"" + name + "\", \"ok\": " + ok + ", \"detail\": \"\"}");
  }
}
