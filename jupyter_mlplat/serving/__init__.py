"""The model server: one process that loads one MLflow model and answers for it over HTTP.

A program of its own (`python -m jupyter_mlplat.serving --config FILE`), because loading a model may run
its author's code. It speaks MLflow's scoring protocol and the Open Inference Protocol version 2.
"""
