"""Notices that a machine is taken away: by a file, and as clouds tell them, from fakes that say what those documents have."""

from __future__ import annotations

import http.server
import threading
from typing import Any

from slipway.step.notices import CLOUDS, Notices
from tests.step.attempt import AttemptCase

SLEEP = "import time\ndef main():\n    print('begun', flush=True)\n    time.sleep(60)\n"
EVENT = (
    '{"DocumentIncarnation": 2, "Events": [{"EventId": "A1", "EventType": "%s", "ResourceType": "VirtualMachine",'
    ' "Resources": ["w_0"], "EventStatus": "Scheduled", "NotBefore": "Mon, 19 Sep 2016 18:29:47 GMT"}]}'
)
ACTION = '{"action": "terminate", "time": "2017-09-18T08:22:00Z"}'
#: Of each cloud: path, the header that it asks for, its answers while nothing comes, and the one that tells.
RECORDED: dict[str, tuple[str, tuple[str, str], list[tuple[int, str]], tuple[int, str]]] = {
    "ec2": ("/latest/meta-data/spot/instance-action", ("X-aws-ec2-metadata-token", "T"), [(404, "")], (200, ACTION)),
    "gce": ("/computeMetadata/v1/instance/preempted", ("Metadata-Flavor", "Google"), [(200, "FALSE"), (503, "TRUE")], (200, "TRUE")),
    "azure": (
        "/metadata/scheduledevents?api-version=2020-07-01",
        ("Metadata", "true"),
        [(200, '{"DocumentIncarnation": 1, "Events": []}'), (200, EVENT % "Freeze"), (200, "<html>")],
        (200, EVENT % "Preempt"),
    ),
}


class FakeCloud(http.server.ThreadingHTTPServer):
    """A fake of the address at which clouds tell their machines what comes."""

    def __init__(self, cloud: str) -> None:
        super().__init__(("127.0.0.1", 0), FakeCloudAnswers)
        self.path, self.header, _, _ = RECORDED[cloud]
        self.answer: tuple[int, str] = (404, "")
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class FakeCloudAnswers(http.server.BaseHTTPRequestHandler):
    """Answers of the fake; without the header that the cloud asks for it refuses."""

    server: Any

    def do_PUT(self) -> None:
        asked = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"] is not None
        self.say(200 if asked else 400, "T")

    def do_GET(self) -> None:
        name, value = self.server.header
        if self.headers[name] != value or self.path != self.server.path:
            return self.say(403, "")
        return self.say(*self.server.answer)

    def say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


class NoticeCase(AttemptCase):
    """What ends a step, and as what."""

    def test_each_cloud_tells_it_in_its_own_way(self) -> None:
        for cloud, (_, _, quiet, told) in RECORDED.items():
            fake = FakeCloud(cloud)
            self.addCleanup(fake.server_close)
            self.addCleanup(fake.shutdown)
            look = CLOUDS[cloud][0]
            notices = Notices(f"file:{self.dir / 'never'}")
            for answer in quiet:
                fake.answer = answer
                self.assertIsNone(notices.once(look, fake.url), f"{cloud} {answer}")
            fake.answer = told
            self.assertRegex(notices.once(look, fake.url) or "", "this machine")

    def test_a_notice_ends_the_step_as_preempted(self) -> None:
        fake = FakeCloud("ec2")
        self.addCleanup(fake.server_close)
        self.addCleanup(fake.shutdown)
        fake.answer = (200, ACTION)
        found = self.run_step(SLEEP, notice=f"ec2={fake.url}")
        self.assertEqual(found["class"], "preempted")
        self.assertIn("EC2 will terminate this machine at 2017-09-18T08:22:00Z", found["message"])

    def test_a_file_that_appears_ends_it_too(self) -> None:
        process = self.start(SLEEP, notice=f"file:{self.dir / 'going'}")
        self.wait_until(lambda: "begun" in self.log())
        (self.dir / "going").touch()
        self.assertEqual(process.wait(120), 0)
        self.assertIn('"preempted"', (self.dir / "exit.json").read_text())

    def test_a_cloud_that_does_not_answer_is_told_and_harms_nobody(self) -> None:
        for notice, said in (
            ("gce=http://127.0.0.1:9", "cannot be asked for"),
            ("moon", "is neither file:PATH nor one of ec2, gce, azure"),
        ):
            # what looks for notices is loaded beside the step, which may be over by then
            code = f"""
                import pathlib, time
                def main():
                    log = pathlib.Path({str(self.dir / "log")!r})
                    while not log.exists() or {said!r} not in log.read_text(): time.sleep(0.02)
                """
            ended = self.run_step(code, notice=notice)
            self.assertEqual(ended["class"], "ok", ended)
