"""The shop as it was before: a function for its web pages, a queue that its mailer reads, a topic for its alarms."""

from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from phaseline.cdk.basics.accepted_findings import LAST_QUEUE, LOG_GROUP, QUEUE, accept, of_function

HERE = Path(__file__).resolve().parent


class Shop(Construct):
    """Nothing in here knows of Phaseline, but for what its scanners accept."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        log = logs.LogGroup(self, "Log", retention=logs.RetentionDays.ONE_MONTH)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log.grant_write(role)
        self.price = lambda_.Function(
            self,
            "Price",
            code=lambda_.Code.from_asset(str(HERE / "functions/price")),
            handler="index.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
            memory_size=256,
            timeout=Duration.seconds(5),
            role=role,
            log_group=log,
        )
        undelivered = sqs.Queue(self, "Undelivered", enforce_ssl=True)
        self.offers = sqs.Queue(
            self,
            "Offers",
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(queue=undelivered, max_receive_count=5),
        )
        self.alarms = sns.Topic(self, "Alarms", enforce_ssl=True)
        # With a policy of its own, a topic lets in only whom that names.
        self.alarms.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
        accept(log, LOG_GROUP)
        accept(self.alarms, {"CKV_AWS_26": "Says that an alarm sounds; CloudWatch cannot publish with the key of AWS."})
        accept(undelivered, LAST_QUEUE)
        accept(self.offers, QUEUE)
        accept(self.price, of_function(has_destination=False))
