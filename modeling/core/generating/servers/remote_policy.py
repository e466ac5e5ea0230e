"""Sampling from an OpenAI-compatible server: many requests at once, and nothing asked twice.

A request asks for one sample (or a few, `samples_per_request`) and carries the sample's own seed.
Samples that the server leaves out are asked for again, and told as missing if they never come.
A prompt that it refuses (too long, say) is left out and told; when it refuses the first ones, all
of them, the run ends. So are samples whose answers cannot be used, until they are more than
MOST_LEFT_OUT of all. Chat templates, stop tokens and truncation are the server's.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

from modeling.core.generating.samples_file import Keep, Prompt, Wanted
from modeling.core.generating.servers.chat_answer import Unusable
from modeling.core.generating.servers.chat_client import ChatClient, RequestRefused
from modeling.core.generating.servers.chat_server import ChatServer
from modeling.core.messages import for_server, messages_of, options_of
from modeling.core.program.errors import ProgramError
from modeling.core.program.run_dir import RunDir
from modeling.run_data.sample import SampleConfig

TIMES_ASKED = 4  # for a sample that the server leaves out
REFUSED_AT_FIRST = 5  # so many refusals before any answer mean that something is wrong
MOST_LEFT_OUT = 0.5  # of a policy's samples; when more cannot be used, the run fails
MOST_KINDS = 5  # of refusals, in the run's warnings
SECONDS_BETWEEN_LOOKS = 0.2  # at whether somebody asked the run to stop


def sample_remotely(
    run: RunDir,
    server: ChatServer,
    prompts: dict[str, Prompt],
    wanted: Sequence[Wanted],
    config: SampleConfig,
    keep: Keep,
) -> list[str]:
    """Ask the server for the wanted responses. Returns a sentence for each thing that went wrong
    without ending the run."""
    run.begin("sampling", f"Asking {server.name}.")
    run.cancel_at_once = False
    work = _Work(run, server, prompts, config, keep)
    asyncio.run(work.do(in_requests(wanted, server.samples_per_request)))
    return work.warnings()


def in_requests(wanted: Sequence[Wanted], most: int) -> list[list[Wanted]]:
    """Group the wanted samples by prompt, at most `most` of them in one request."""
    by_prompt: dict[str, list[Wanted]] = {}
    for one in wanted:
        by_prompt.setdefault(one.id, []).append(one)
    return [
        members[start : start + most]
        for members in by_prompt.values()
        for start in range(0, len(members), most)
    ]


class _Work:
    """What the workers of one server share."""

    def __init__(
        self,
        run: RunDir,
        server: ChatServer,
        prompts: dict[str, Prompt],
        config: SampleConfig,
        keep: Keep,
    ) -> None:
        self.run, self.server, self.prompts, self.keep = run, server, prompts, keep
        self.settings = {
            "temperature": float(config.temperature),
            "top_p": float(config.top_p),
            "max_tokens": config.max_new_tokens,
        }
        self.answered = self.missing = 0
        self.refused: Counter[str] = Counter()  # the server's words -> prompts
        self.left_out: Counter[str] = Counter()  # why -> samples
        self.dropped: Counter[str] = Counter()  # keys of messages that are not kept -> samples
        self.without: set[str] = set()  # prompts that a sample was left out of
        self.all = config.n * len(prompts)  # samples, those of earlier attempts too

    async def do(self, requests: list[list[Wanted]]) -> None:
        todo = iter(requests)
        async with ChatClient(self.server, self.run.say) as client:
            workers = [
                asyncio.create_task(self.work(client, todo))
                for _ in range(min(self.server.concurrency, len(requests)))
            ]
            try:
                await self.watch(workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        if self.refused and not self.answered:
            raise self.nothing_but_refusals()

    async def watch(self, workers: list[asyncio.Task[None]]) -> None:
        """Wait until all workers are done. Raises what the first raises, or ProgramCancelled."""
        waiting = set(workers)
        while waiting:
            self.run.check_cancelled()
            done, waiting = await asyncio.wait(
                waiting, timeout=SECONDS_BETWEEN_LOOKS, return_when=asyncio.FIRST_EXCEPTION
            )
            for worker in done:
                worker.result()

    async def work(self, client: ChatClient, todo: Iterator[list[Wanted]]) -> None:
        for request in todo:
            try:
                await self.ask(client, request)
            except RequestRefused as refusal:
                self.refused[str(refusal)] += 1
                if not self.answered and self.refused.total() >= REFUSED_AT_FIRST:
                    raise self.nothing_but_refusals() from None

    async def ask(self, client: ChatClient, request: list[Wanted]) -> None:
        """Ask until all samples of a request are there, or TIMES_ASKED times."""
        prompt = self.prompts[request[0].id]
        messages, options = for_server(messages_of(prompt)), options_of(prompt)
        faults = list[str]()
        for _ in range(TIMES_ASKED):
            # Servers take seeds of 31 bits; a larger one is an error or silently another seed.
            settings = self.settings | options | {"seed": request[0].seed % 2**31}
            try:
                answers = await client.ask(messages, len(request), settings)
            except Unusable as trouble:
                self.leave_out(str(trouble), request)
                return
            for one, answer in zip(request, answers.usable, strict=False):
                self.answered += 1
                self.keep(one, answer.text, answer.finished, answer.tokens, answer.extra)
                self.dropped.update(answer.dropped)
            request = request[len(answers.usable) :]
            faults = answers.faults
            if not request:
                return
        self.leave_out(faults[0] if faults else "", request)

    def leave_out(self, why: str, request: list[Wanted]) -> None:
        """Count samples as left out, for the reason `why` ("": they have no text).

        Raises ProgramError when something must be wrong with the server: more than MOST_LEFT_OUT
        of all samples are left out, or every one of the first REFUSED_AT_FIRST prompts.
        """
        self.without.add(request[0].id)
        if why:
            self.left_out[why] += len(request)
        else:
            self.missing += len(request)
        count = self.left_out.total() + self.missing
        all_at_first = not self.answered and len(self.without) >= REFUSED_AT_FIRST
        if count <= MOST_LEFT_OUT * self.all and not all_at_first:
            return
        causes = self.left_out + Counter({"they have no text": self.missing})
        why = "; ".join(f"{cause} ({samples})" for cause, samples in causes.items())
        raise ProgramError(
            f"{self.server.name} gives answers that cannot be used: {count} of {self.all} "
            f"responses so far. {why[:1].upper()}{why[1:]}.",
            where=self.server.base_url,
            hint="Is this an OpenAI-compatible server, and does the model fit its settings? Look "
            "at its log. Then start this run again: what came well is kept.",
        )

    def nothing_but_refusals(self) -> ProgramError:
        words, _ = self.refused.most_common(1)[0]
        return ProgramError(
            f"{self.server.name} refuses every prompt: {words}",
            where=self.server.base_url,
            hint="Its own words say what it does not take: a setting, the length, or a role.",
        )

    def warnings(self) -> list[str]:
        sentences = [
            f"{self.server.name} refused {count} request{'s' * (count > 1)}: {words}"
            for words, count in self.refused.most_common(MOST_KINDS)
        ]
        if len(self.refused) > MOST_KINDS:
            sentences.append(f"… and in {len(self.refused) - MOST_KINDS} other ways.")
        sentences += [
            f"{self.server.name}: {count} response{'s' * (count > 1)} left out because {why}."
            for why, count in self.left_out.most_common()
        ]
        sentences += [
            f"{self.server.name}: “{key}” of {count} message{'s' * (count > 1)} was not kept."
            for key, count in self.dropped.most_common(MOST_KINDS)
        ]
        if self.missing:
            sentences.append(
                f"{self.server.name} left {self.missing} samples out, asked {TIMES_ASKED} times."
            )
        return sentences
