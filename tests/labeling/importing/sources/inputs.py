"""For each source that is recognised: records of its shape, and what is read from them."""

from typing import Any

from tests.labeling.importing.sources.records import Input, says, talk
from tests.labeling.importing.sources.trace_inputs import TRACES


def rating(prompt: str, response: str, helpfulness: int) -> dict[str, Any]:
    others = {"correctness": 4, "coherence": 4, "complexity": 2, "verbosity": 1}
    return {"prompt": prompt, "response": response, "helpfulness": helpfulness, **others}


ARENA = {"model_a": "m", "model_b": "n", "language": "English"}
MT_BENCH = {
    "question_id": 1,
    "model_a": "m",
    "model_b": "n",
    "judge": "expert_1",
    "conversation_a": talk("Q1", "A1", "Q2", "A2"),
    "conversation_b": talk("Q1", "B1", "Q2", "B2"),
}
PART = {"image": None, "mimeType": None}
SUMMARIES = [{"text": "Short.", "policy": "sup1"}, {"text": "Long.", "policy": "ref"}]
INFO = {"id": "p1", "post": "I lost my hat.", "title": "Hat", "subreddit": "hats", "article": None}
POST = "u:SUBREDDIT: r/hats\n\nTITLE: Hat\n\nPOST: I lost my hat.\n\nTL;DR:"
PRISM = {"conversation_id": "c1", "user_id": "u1", "conversation_type": "unguided"}
OASST = {"message_tree_id": "t1", "lang": "en", "review_count": 3}
TASK = {"prompt": "Hi", "answer1": "Hello", "answer2": "Yo"}


def picked(side: str, **more: Any) -> dict[str, Any]:
    result = {"type": "pairwise", "value": {"selected": side}, "from_name": "pw", "to_name": "a,b"}
    return {"id": 1, "completed_by": 3, "was_cancelled": False, "result": [result]} | more


INPUTS = {
    "Tinker comparisons": Input(
        [
            {
                "comparison": {
                    "prompt_conversation": talk("Why?"),
                    "completion_A": says("Bad."),
                    "completion_B": says("Good."),
                },
                "label": label,
            }
            for label in ("B", "A", "Tie")
        ],
        ["u:Why? | Good. > Bad.", "u:Why? | Bad. > Good.", "u:Why? | Bad. = Good."],
    ),
    "NeMo RL preference": Input(
        [
            {
                "context": talk("Why?"),
                "completions": [
                    {"rank": 1, "completion": says("Bad.")},
                    {"rank": rank, "completion": says("Good.")},
                ],
            }
            for rank in (0, 1)
        ],
        ["u:Why? | Good. > Bad.", "u:Why? | Bad. = Good."],
    ),
    "TRL preference": Input(
        [
            {"prompt": "Why?", "chosen": "Good.", "rejected": "Bad."},
            {"prompt": talk("Why?"), "chosen": says("Fine."), "rejected": says("Poor.")},
            {"chosen": talk("Why?", "Well."), "rejected": talk("Why?", "Ill.")},
        ],
        ["u:Why? | Good. > Bad.", "u:Why? | Fine. > Poor.", "u:Why? | Well. > Ill."],
    ),
    "TRL unpaired preference (KTO)": Input(
        [
            {"prompt": "Why?", "completion": "Good.", "label": True},
            {"prompt": "How?", "completion": "So.", "label": True},
            {"prompt": "Why?", "completion": "Bad.", "label": False},
            {"prompt": talk("Who?"), "completion": says("I."), "label": False},
            {"prompt": talk("Who?"), "completion": says("You."), "label": True},
        ],
        ["u:Why? | Good. > Bad.", "u:How? | So.", "u:Who? | You. > I."],
    ),
    "TRL prompt and completion": Input([{"prompt": "Why?", "completion": "So."}], ["u:Why? | So."]),
    "HH-RLHF dialogues": Input(
        [
            {
                "chosen": "\n\nHuman: Why?\n\nAssistant: Good.",
                "rejected": "\n\nHuman: Why?\n\nAssistant: Bad.",
            }
        ],
        ["u:Why? | Good. > Bad."],
    ),
    "UltraFeedback, raw": Input(
        [
            {
                "source": "made up",
                "instruction": "Why?",
                "models": ["m", "n", "o"],
                "completions": [
                    {"model": "m", "response": "Ill.", "overall_score": 2.0, "critique": "c"},
                    {"model": "n", "response": "Good.", "overall_score": 8.5, "critique": "c"},
                    {"model": "o", "response": "Well.", "overall_score": 8.5, "critique": "c"},
                ],
            }
        ],
        [
            "u:Why? | Good. = Well. (n, o)",
            "u:Why? | Good. > Ill. (n, m)",
            "u:Why? | Well. > Ill. (o, m)",
        ],
    ),
    "UltraFeedback, binarized": Input(
        [
            {
                "prompt": "Why?",
                "prompt_id": "1",
                "chosen": talk("Why?", "Good."),
                "rejected": talk("Why?", "Bad."),
                "messages": talk("Why?", "Good."),
                "score_chosen": 8.0,
                "score_rejected": score,
            }
            for score in (3.0, 8.0)
        ],
        ["u:Why? | Good. > Bad.", "u:Why? | Good. = Bad."],
    ),
    "UltraFeedback, cleaned by Argilla": Input(
        [
            {
                "source": "made up",
                "prompt": "Why?",
                "chosen": talk("Why?", "Good."),
                "chosen-rating": 5.0,
                "chosen-model": "m",
                "rejected": talk("Why?", "Bad."),
                "rejected-rating": 2.0,
                "rejected-model": "n",
            }
        ],
        ["u:Why? | Good. > Bad. (m, n)"],
    ),
    "Capybara DPO, by distilabel": Input(
        [
            {
                "source": "made up",
                "conversation": [{"input": "Why?", "output": "Fair."}],
                "original_response": "Fair.",
                "generation_prompt": ["Be kind. Why?"],
                "raw_generation_responses": ["Bad. More"],
                "new_generations": ["Bad."],
                "prompt": "Why?",
                "chosen": talk("Why?", "Good."),
                "rejected": talk("Why?", "Bad."),
                "rating_chosen": 5,
                "rating_rejected": rating,
                "chosen_model": "m",
                "rejected_model": "n",
            }
            for rating in (1, 5)
        ],
        ["u:Why? | Good. > Bad. (m, n)", "u:Why? | Good. = Bad. (m, n)"],
    ),
    "UltraFeedback, binarized by Argilla": Input(
        [
            {
                "source": "made up",
                "instruction": "Why?",
                "chosen_response": "Good.",
                "rejected_response": "Bad.",
                "chosen_avg_rating": "5.0",
                "rejected_avg_rating": "5.0",
                "chosen_model": "m",
            }
        ],
        ["u:Why? | Good. = Bad. (m, )"],
    ),
    "HelpSteer2 preference": Input(
        [
            {
                "split": "train",
                "prompt": "Why?<extra_id_1>Assistant\nSo.\n<extra_id_1>User\nReally?",
                "response_1": "Yes.",
                "response_2": "No.",
                "preference_strength": strength,
                "preference_statement": "@Response 1 is better.",
                "three_most_similar_preferences": [{"strength": strength, "statement": "s"}],
                "all_preferences_unprocessed": [],
            }
            for strength in (-2, 3, 0)
        ],
        [
            "u:Why? / a:So. / u:Really? | Yes. > No. x2",
            "u:Why? / a:So. / u:Really? | No. > Yes. x3",
            "u:Why? / a:So. / u:Really? | Yes. = No.",
        ],
    ),
    "HelpSteer2 ratings": Input(
        [
            rating("Why?", "Ill.", 1),
            rating("How?", "Same.", 3),
            rating("Why?", "Good.", 4),
            rating("How?", "Alike.", 3),
            rating("Who?", "One.", 3),
        ],
        ["u:Why? | Good. > Ill.", "u:How? | Same. = Alike.", "u:Who? | One."],
    ),
    "HelpSteer3 preference": Input(
        [
            {
                "domain": "code",
                "language": "python",
                "context": talk("Why?", "So.", "Really?"),
                "response1": "Yes.",
                "response2": "No.",
                "overall_preference": 1,
                "individual_preference": [{"score": 1}, {"score": 2}, {"score": -1}],
            },
            {
                "domain": "code",
                "language": "python",
                "context": talk("Why?"),
                "response1": "Yes.",
                "response2": "No.",
                "overall_preference": -2,
                "individual_preference": [{"score": 1}, {"score": -2}],
            },
        ],
        [
            "u:Why? / a:So. / u:Really? | No. > Yes. x1",
            "u:Why? / a:So. / u:Really? | No. > Yes. x2",
            "u:Why? / a:So. / u:Really? | Yes. > No. x1",
            "u:Why? | Yes. > No. x2",
        ],
    ),
    "Nectar": Input(
        [
            {
                "prompt": "\n\nHuman: Why?\n\nAssistant: ",
                "answers": [
                    {"answer": "Ill.", "model": "m", "rank": 3.0},
                    {"answer": "Good.", "model": "n", "rank": 1.0},
                    {"answer": "Well.", "model": "o", "rank": 1.0},
                ],
                "turns": 1,
                "num_responses": 3,
                "source": ["made up"],
                "good_natured": True,
            }
        ],
        [
            "u:Why? | Good. = Well. (n, o)",
            "u:Why? | Good. > Ill. (n, m)",
            "u:Why? | Well. > Ill. (o, m)",
        ],
    ),
    "PKU-SafeRLHF": Input(
        [
            {
                "prompt": "Why?",
                "response_0": "Zero.",
                "response_1": "One.",
                "is_response_0_safe": True,
                "is_response_1_safe": False,
                "better_response_id": better,
                "safer_response_id": 0,
            }
            for better in (1, 0)
        ],
        ["u:Why? | One. > Zero.", "u:Why? | Zero. > One."],
    ),
    "SHP": Input(
        [
            {
                "post_id": "p",
                "domain": "askmaking_train",
                "history": "Why?",
                "human_ref_A": "A.",
                "human_ref_B": "B.",
                "labels": labels,
                "score_A": 5,
                "score_B": 2,
            }
            for labels in (1, 0)
        ],
        ["u:Why? | A. > B.", "u:Why? | B. > A."],
    ),
    "WebGPT comparisons": Input(
        [
            {
                "question": {"dataset": "eli5", "id": "q", "full_text": "Why?"},
                "quotes_0": {"title": ["T"], "extract": ["E"]},
                "answer_0": "Zero [1].",
                "tokens_0": {"prefix": [1], "completion": [2]},
                "score_0": -score,
                "quotes_1": {"title": [], "extract": []},
                "answer_1": "One.",
                "tokens_1": {"prefix": [1], "completion": [2]},
                "score_1": score,
            }
            for score in (0.5, 0.0, -1.0)
        ],
        ["u:Why? | One. > Zero [1].", "u:Why? | Zero [1]. = One.", "u:Why? | Zero [1]. > One."],
    ),
    "Summarize from feedback, comparisons": Input(
        [
            {"info": INFO, "summaries": SUMMARIES, "choice": choice, "worker": worker, "batch": "b"}
            for choice, worker in ((0, "w"), (1, "v"))
        ],
        [f"{POST} | Short. > Long. (sup1, ref)", f"{POST} | Long. > Short. (ref, sup1)"],
    ),
    "Summarize from feedback, ratings": Input(
        [
            {
                "info": INFO,
                "summary": {"text": text, "policy": "p", "axes": {"overall": overall}},
                "worker": "w",
            }
            for text, overall in (("Short.", 7), ("Long.", 2), ("Long.", 4))
        ],
        [f"{POST} | Short. > Long. (p, p)"],
    ),
    "Chatbot Arena conversations": Input(
        [
            {
                **ARENA,
                "question_id": "q",
                "judge": "arena_user_1",
                "conversation_a": talk("Why?", "A."),
                "conversation_b": talk("Why?", "B."),
                "turn": 1,
                "anony": True,
                "tstamp": 1.5,
                "winner": winner,
            }
            for winner in ("model_a", "model_b", "tie", "tie (bothbad)")
        ],
        [
            "u:Why? | A. > B. (m, n)",
            "u:Why? | B. > A. (n, m)",
            "u:Why? | A. = B. (m, n)",
            "u:Why? | A. and B. are bad (m, n)",
        ],
    ),
    "Chatbot Arena, 55k": Input(
        [
            {
                "id": 1,
                **ARENA,
                "prompt": '["Why?", "Really?"]',
                "response_a": '["So.", "Yes."]',
                "response_b": '["So.", null]',
                "winner_model_a": winners[0],
                "winner_model_b": winners[1],
                "winner_tie": winners[2],
            }
            for winners in ((1, 0, 0), ("0", "1", "0"), (0, 0, 1))
        ],
        [
            "u:Why? / a:So. / u:Really? | Yes. >  (m, n)",
            "u:Why? / a:So. / u:Really? |  > Yes. (n, m)",
            "u:Why? / a:So. / u:Really? | Yes. =  (m, n)",
        ],
    ),
    "Arena pairs": Input(
        [{**ARENA, "prompt": "Why?", "response_a": "A.", "response_b": "B.", "winner": "model_b"}],
        ["u:Why? | B. > A. (n, m)"],
    ),
    "Arena human preference, 140k": Input(
        [
            {
                **ARENA,
                "id": "c",
                "evaluation_session_id": "e",
                "evaluation_order": 1,
                "winner": "both_bad",
                "conversation_a": [
                    {"role": "user", "content": [{"type": "text", "text": "Why?", **PART}]},
                    {"role": "assistant", "content": [{"type": "text", "text": "A.", **PART}]},
                ],
                "conversation_b": [
                    {"role": "user", "content": [{"type": "text", "text": "Why?", **PART}]},
                    {"role": "assistant", "content": [{"type": "text", "text": "B.", **PART}]},
                ],
                "full_conversation": [],
                "is_code": False,
            }
        ],
        ["u:Why? | A. and B. are bad (m, n)"],
    ),
    "MT-bench human judgments": Input(
        [{**MT_BENCH, "winner": "model_b", "turn": turn} for turn in (1, 2)],
        [
            "u:Q1 | B1 > A1 (n, m)",
            "u:Q1 | B1\n\nHuman: Q2\n\nAssistant: B2 > A1\n\nHuman: Q2\n\nAssistant: A2 (n, m)",
        ],
    ),
    "PRISM conversations": Input(
        [
            {
                **PRISM,
                "opening_prompt": "Why?",
                "conversation_turns": 2,
                "conversation_history": [
                    {"turn": 0, "role": "user", "content": "Why?"},
                    {
                        "turn": 0,
                        "role": "model",
                        "content": "A.",
                        "model_name": "m",
                        "score": 20,
                        "if_chosen": False,
                        "within_turn_id": 0,
                    },
                    {
                        "turn": 0,
                        "role": "model",
                        "content": "B.",
                        "model_name": "n",
                        "score": 80,
                        "if_chosen": True,
                        "within_turn_id": 1,
                    },
                    {"turn": 1, "role": "user", "content": "Really?"},
                    {
                        "turn": 1,
                        "role": "model",
                        "content": "C.",
                        "model_name": "n",
                        "score": 60,
                        "if_chosen": True,
                        "within_turn_id": 0,
                    },
                    {
                        "turn": 1,
                        "role": "model",
                        "content": "D.",
                        "model_name": "n",
                        "score": 50,
                        "if_chosen": False,
                        "within_turn_id": 1,
                    },
                ],
            }
        ],
        ["u:Why? | B. > A. (n, m)", "u:Why? / a:B. / u:Really? | C. > D. (n, n)"],
    ),
    "PRISM utterances": Input(
        [
            {
                **PRISM,
                "utterance_id": f"u{at}",
                "turn": turn,
                "user_prompt": asked,
                "model_response": text,
                "model_name": "m",
                "score": 5,
                "if_chosen": is_chosen,
            }
            for at, (turn, asked, text, is_chosen) in enumerate(
                (
                    (0, "Why?", "A.", False),
                    (0, "Why?", "B.", True),
                    (1, "Really?", "C.", True),
                    (1, "Really?", "D.", False),
                )
            )
        ],
        ["u:Why? | B. > A. (m, m)", "u:Why? / a:B. / u:Really? | C. > D. (m, m)"],
    ),
    "MultiPref": Input(
        [
            {
                "comparison_id": "c",
                "prompt_id": "p",
                "text": "Why?",
                "completion_a": "A.",
                "completion_b": "B.",
                "model_a": "m",
                "model_b": "n",
                "normal_worker_annotations": [
                    {"evaluator": "1", "overall_pref": "A-is-clearly-better"},
                    {"evaluator": "2", "overall_pref": "Tie"},
                ],
                "expert_worker_annotations": [
                    {"evaluator": "3", "overall_pref": "B-is-slightly-better"}
                ],
            }
        ],
        [
            "u:Why? | A. > B. x2 (m, n)",
            "u:Why? | A. = B. (m, n)",
            "u:Why? | B. > A. x1 (n, m)",
        ],
    ),
    "Community Alignment": Input(
        [
            {
                "conversation_id": "c",
                "assigned_lang": "en",
                "annotator_id": "x",
                "first_turn_prompt": "Why?",
                "first_turn_response_a": "A.",
                "first_turn_response_b": "B.",
                "first_turn_response_c": "C.",
                "first_turn_response_d": "D.",
                "first_turn_preferred_response": "response_c",
                "first_turn_feedback": "Nice.",
                "second_turn_prompt": "Really?",
                "second_turn_response_a": "E.",
                "second_turn_response_b": "F.",
                "second_turn_preferred_response": "a",
                "third_turn_prompt": None,
            }
        ],
        [
            "u:Why? | C. > A.",
            "u:Why? | C. > B.",
            "u:Why? | C. > D.",
            "u:Why? / a:C. / u:Really? | E. > F.",
        ],
    ),
    "OpenAssistant trees": Input(
        [
            {
                "message_tree_id": "t1",
                "tree_state": "ready_for_export",
                "prompt": {
                    "message_id": "1",
                    "text": "Why?",
                    "role": "prompter",
                    "replies": [
                        {"text": "Ill.", "role": "assistant", "rank": 1, "replies": []},
                        {
                            "text": "Good.",
                            "role": "assistant",
                            "rank": 0,
                            "replies": [
                                {
                                    "text": "Really?",
                                    "role": "prompter",
                                    "replies": [
                                        {"text": "Yes.", "role": "assistant", "replies": []},
                                        {"text": "No.", "role": "assistant", "rank": None},
                                    ],
                                },
                                {"text": "Gone?", "role": "prompter", "deleted": True},
                            ],
                        },
                    ],
                },
            }
        ],
        ["u:Why? | Good. > Ill.", "u:Why? / a:Good. / u:Really? | Yes. ? No."],
    ),
    "OpenAssistant messages": Input(
        [
            {**OASST, "message_id": "1", "parent_id": None, "text": "Why?", "role": "prompter"},
            {
                **OASST,
                "message_id": "2",
                "parent_id": "1",
                "text": "Ill.",
                "role": "assistant",
                "rank": 1.0,
            },
            {
                **OASST,
                "message_id": "3",
                "parent_id": "1",
                "text": "Good.",
                "role": "assistant",
                "rank": 0.0,
            },
        ],
        ["u:Why? | Good. > Ill."],
    ),
    "Tulu preference mix": Input(
        [
            {
                "id": "1",
                "source": "made up",
                "prompt": "Why?",
                "chosen": talk("Why?", "Good."),
                "rejected": talk("Why?", "Bad."),
                "chosen_model": "m",
                "chosen_rating": 4.0,
                "rejected_rating": 3.0,
            }
        ],
        ["u:Why? | Good. > Bad. (m, )"],
    ),
    "Orca DPO pairs": Input(
        [{"system": "Be kind.", "question": "Why?", "chosen": "Good.", "rejected": "Bad."}],
        ["s:Be kind. / u:Why? | Good. > Bad."],
    ),
    "Orca DPO pairs, by distilabel": Input(
        [
            {
                "system": "Be kind.",
                "input": "Why?",
                "chosen": "Good.",
                "rejected": "Bad.",
                "generations": ["Good.", "Bad."],
                "order": ["chosen", "rejected"],
                "labelling_model": "judge",
                "rating": [9.0, 9.0],
                "status": status,
            }
            for status in ("tie", "unchanged")
        ],
        ["s:Be kind. / u:Why? | Good. = Bad.", "s:Be kind. / u:Why? | Good. > Bad."],
    ),
    "Alpaca preference": Input(
        [{"instruction": "Translate.", "input": "Oui", "chosen": "Yes.", "rejected": "No."}],
        ["u:Translate.\n\nOui | Yes. > No."],
    ),
    "Alpaca instructions": Input(
        [{"instruction": "Say hi.", "input": "", "output": "Hi."}], ["u:Say hi. | Hi."]
    ),
    "OpenAI preference file": Input(
        [
            {
                "input": {"messages": talk("Why?"), "tools": [], "parallel_tool_calls": True},
                "preferred_output": says("Good."),
                "non_preferred_output": says("Bad."),
            }
        ],
        ["u:Why? | Good. > Bad."],
    ),
    "ComparIA votes": Input(
        [
            {
                "id": 1,
                "model_a_name": "M",
                "model_b_name": "n",
                "conversation_a": [
                    *talk("Why?"),
                    {"role": "assistant", "content": "A.", "metadata": {"duration": 1.5}},
                ],
                "conversation_b": talk("Why?", "B."),
                "opening_msg": "Why?",
                **verdict,
            }
            for verdict in (
                {"chosen_model_name": "m", "both_equal": False},
                {"chosen_model_name": None, "both_equal": True},
                {"chosen_model_name": None, "both_equal": False},
            )
        ],
        ["u:Why? | A. > B. (M, n)", "u:Why? | A. = B. (M, n)", "u:Why? | A. ? B. (M, n)"],
    ),
    "Chat log (messages)": Input(
        [
            {"messages": talk("Why?", "So."), "model": "m", "timestamp": 1},
            {"messages": talk("Why?")},
            {
                "messages": talk("How?"),
                "response": {"model": "m", "choices": [{"message": says("A.")[0]}]},
            },
        ],
        ["u:Why? | So. (m)", "u:Why? | ", "u:How? | A. (m)"],
    ),
    "Chat log (ShareGPT conversations)": Input(
        [
            {
                "conversations": [
                    {"from": "system", "value": "Be kind."},
                    {"from": "human", "value": "Why?"},
                    {"from": "gpt", "value": "So."},
                ]
            }
        ],
        ["s:Be kind. / u:Why? | So."],
    ),
    "Chat log (requests and responses)": Input(
        [
            {
                "request": {"body": {"model": "m", "messages": talk("Why?")}},
                "response": {
                    "body": {
                        "model": "m-1",
                        "choices": [{"message": says("A.")[0]}, {"message": says("B.")[0]}],
                    }
                },
            }
        ],
        ["u:Why? | A. ? B. (m-1, m-1)"],
    ),
    "ShareGPT preference": Input(
        [
            {
                "conversations": [{"from": "human", "value": "Why?"}],
                "chosen": {"from": "gpt", "value": "Good."},
                "rejected": {"from": "gpt", "value": "Bad."},
            }
        ],
        ["u:Why? | Good. > Bad."],
    ),
    **{
        f"Chat log with {label} ({field})": Input(
            [
                {field: talk("Why?", "Good."), label: True},
                {field: talk("Why?", "Bad."), label: False},
            ],
            ["u:Why? | Good. > Bad."],
        )
        for field in ("messages", "conversations")
        for label in ("label", "kto_tag")
    },
    "Argilla records": Input(
        [
            {
                "id": "1",
                "status": "completed",
                "fields": {"prompt": "Hi", "response1": "Hello", "response2": "Yo"},
                "metadata": {},
                "suggestions": {"preference": {"value": "response1", "agent": "m"}},
                "responses": {
                    "preference": [
                        {"value": "response2", "user_id": "1"},
                        {"value": "response1", "user_id": "2"},
                        {"value": "response1", "user_id": "3", "status": "discarded"},
                    ],
                    "comment": [{"value": "Both are short.", "user_id": "1"}],
                },
            },
            {
                "fields": {"instruction": "Hi", "response-1": "Hello", "response-2": "Yo"},
                "responses": [
                    {
                        "user_id": "1",
                        "status": "submitted",
                        "values": {
                            "rank": {
                                "value": [
                                    {"value": "response-1", "rank": 2},
                                    {"value": "response-2", "rank": 1},
                                ]
                            }
                        },
                    }
                ],
                "metadata": None,
            },
            {
                "fields": {"prompt": "Hi", "response1": "Hello", "response2": "Yo"},
                "responses": {},
                "suggestions": {},
            },
        ],
        ["u:Hi | Yo > Hello", "u:Hi | Hello > Yo", "u:Hi | Yo > Hello", "u:Hi | Hello ? Yo"],
    ),
    "Argilla records, as a data set": Input(
        [
            {
                "id": "1",
                "status": "completed",
                "_server_id": "x",
                "prompt": "Hi",
                "response1": "Hello",
                "response2": "Yo",
                "preference.responses": ["response2", "response1", "response1"],
                "preference.responses.users": ["1", "2", "3"],
                "preference.responses.status": ["submitted", "submitted", "draft"],
                "preference.suggestion": "response1",
            }
        ],
        ["u:Hi | Yo > Hello", "u:Hi | Hello > Yo"],
    ),
    "Label Studio tasks": Input(
        [
            {"id": 1, "data": TASK, "annotations": [picked("left"), picked("right")]},
            {"id": 2, "data": TASK, "annotations": [picked("left", was_cancelled=True)]},
        ],
        ["u:Hi | Hello > Yo", "u:Hi | Yo > Hello", "u:Hi | Hello ? Yo"],
    ),
    "Label Studio, one annotation to a row": Input(
        [
            {
                **TASK,
                "id": 1,
                "pw": "right",
                "annotator": 3,
                "annotation_id": 9,
                "lead_time": 1.5,
                "created_at": "2026-01-31T12:00:00Z",
                "updated_at": "2026-01-31T12:00:00Z",
            }
        ],
        ["u:Hi | Yo > Hello"],
    ),
}
INPUTS |= TRACES
