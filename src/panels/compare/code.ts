/** The same runs in Python, for a notebook. */

/** Reads the runs as a table and the points of their metrics, with nothing but MLflow. */
export function codeOf(ids: ReadonlyArray<string>): string {
  const list = ids.map(id => `    ${JSON.stringify(id)},`).join('\n');
  return `import mlflow
import pandas as pd

run_ids = [
${list}
]
client = mlflow.MlflowClient()
found = [client.get_run(run_id) for run_id in run_ids]
runs = mlflow.search_runs(
    experiment_ids=sorted({run.info.experiment_id for run in found}),
    filter_string="attributes.run_id IN (" + ", ".join(f"'{run_id}'" for run_id in run_ids) + ")",
)
curves = pd.DataFrame(
    [
        {"run_id": run.info.run_id, "run": run.info.run_name, "metric": key,
         "step": point.step, "time": point.timestamp, "value": point.value}
        for run in found
        for key in run.data.metrics
        for point in client.get_metric_history(run.info.run_id, key)
    ]
)
runs
`;
}
