import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from modeling.migrations._settings_of_projects import copy_from_projects, copy_to_projects


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0027_gold_release'),
        ('modeling', '0008_early_pairs'),
    ]

    # The settings are copied before labeling forgets them. Named here, and not there, since
    # labeling knows nothing of modeling.
    run_before = [("labeling", "0029_loop_settings")]

    operations = [
        migrations.CreateModel(
            name='LoopSettings',
            fields=[
                ('project', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='loop_settings', serialize=False, to='labeling.project')),
                ('loop_enabled', models.BooleanField(default=True)),
                ('retrain_after', models.IntegerField(default=100, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)])),
                ('retrain_every_hours', models.IntegerField(default=0, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(8760)])),
                ('base_model', models.CharField(blank=True, default='', max_length=300)),
                ('reward_method', models.CharField(choices=[('finetune', 'Train the model itself'), ('frozen', 'Quick: read a frozen model, train a head on what it sees')], default='finetune', max_length=8)),
                ('reward_adapter', models.CharField(choices=[('none', 'All of its weights'), ('lora', 'LoRA: small matrices beside frozen weights'), ('qlora', 'QLoRA: the same beside 4-bit weights (NVIDIA GPUs only)')], default='none', max_length=5)),
                ('reward_pooling', models.CharField(choices=[('last', 'At the end of the text'), ('mean', 'Averaged over the response')], default='last', max_length=4)),
                ('reward_heads', models.IntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(32)])),
                ('reward_members', models.IntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(8)])),
                ('reward_bootstrap', models.BooleanField(default=True)),
                ('aggregate', models.CharField(choices=[('mean', 'Their mean'), ('wco', 'The lowest of them (worst case)'), ('uwo', 'The mean, less a penalty for disagreement')], default='mean', max_length=4)),
                ('uwo_weight', models.FloatField(default=0.5, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(100.0)])),
                ('learning_curve', models.BooleanField(default=False)),
                ('reward_learning_rate', models.FloatField(blank=True, default=None, null=True, validators=[django.core.validators.MinValueValidator(1e-08), django.core.validators.MaxValueValidator(1.0)])),
                ('reward_epochs', models.IntegerField(blank=True, default=None, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)])),
                ('reward_batch_size', models.IntegerField(default=16, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(4096)])),
                ('reward_max_length', models.IntegerField(blank=True, default=None, null=True, validators=[django.core.validators.MinValueValidator(8), django.core.validators.MaxValueValidator(131072)])),
                ('reward_strength_margin', models.FloatField(default=0.0, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(10.0)])),
                ('reward_label_smoothing', models.FloatField(default=0.0, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(0.49)])),
                ('reward_ties', models.CharField(choices=[('half', 'As half a win for each'), ('davidson', 'As an outcome of their own (Davidson)')], default='half', max_length=8)),
                ('reward_rankings', models.CharField(choices=[('pairs', 'As their pairs'), ('plackett_luce', 'As a whole (Plackett–Luce)')], default='pairs', max_length=13)),
                ('reward_centering', models.FloatField(default=0.0, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(1.0)])),
                ('selection', models.CharField(choices=[('uncertainty', 'Uncertainty: what the reward model is least sure of'), ('disagreement', 'Disagreement: what would teach the reward model most'), ('thompson', 'Thompson sampling: where models that fit the data differ'), ('max_min', 'Best against worst: the largest difference in reward'), ('random', 'At random')], default='uncertainty', max_length=12)),
                ('selection_patience', models.IntegerField(default=5, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(50)])),
                ('queue_target', models.IntegerField(default=200, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000000)])),
                ('sample_prompts', models.IntegerField(default=50, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)])),
                ('samples_per_prompt', models.IntegerField(default=4, validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(64)])),
                ('temperature', models.FloatField(default=1.0, validators=[django.core.validators.MinValueValidator(0.01), django.core.validators.MaxValueValidator(5.0)])),
                ('top_p', models.FloatField(default=1.0, validators=[django.core.validators.MinValueValidator(0.01), django.core.validators.MaxValueValidator(1.0)])),
                ('max_new_tokens', models.IntegerField(default=256, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(131072)])),
                ('improvement', models.CharField(choices=[('off', 'Off: policies are registered by hand'), ('best_of_n', 'Learn the best of n responses (gentlest)'), ('rloo', 'RLOO: reinforcement learning without a value model'), ('ppo', 'PPO: reinforcement learning with a value model'), ('dpo', 'DPO: directly from preferences, without the reward model')], default='off', max_length=9)),
                ('improve_after', models.IntegerField(default=500, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1000000)])),
                ('promotion', models.CharField(choices=[('blind', 'When people prefer it in a blind comparison'), ('automatic', 'At once, within the KL budget and the guard')], default='blind', max_length=9)),
                ('comparison_size', models.IntegerField(default=100, validators=[django.core.validators.MinValueValidator(10), django.core.validators.MaxValueValidator(5000)])),
                ('kl_coefficient', models.FloatField(default=0.1, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(100.0)])),
                ('kl_budget', models.FloatField(default=10.0, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(10000.0)])),
                ('kl_target', models.FloatField(default=0.0, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(10000.0)])),
                ('kl_estimator', models.CharField(choices=[('k1', 'k1: log policy − log reference; its optimum is the one that is meant'), ('k3', 'k3: never below 0 and steadier; its optimum is another one')], default='k1', max_length=2)),
                ('best_of', models.IntegerField(default=16, validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(256)])),
                ('improve_prompts', models.IntegerField(default=512, validators=[django.core.validators.MinValueValidator(8), django.core.validators.MaxValueValidator(1000000)])),
                ('improve_steps', models.IntegerField(default=40, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100000)])),
                ('improve_adapter', models.CharField(choices=[('none', 'All weights'), ('lora', 'LoRA: small matrices beside the weights')], default='none', max_length=4)),
            ],
            options={
                'verbose_name_plural': 'loop settings',
                'constraints': [models.CheckConstraint(condition=models.Q(('retrain_after__gte', 1), ('retrain_after__lte', 1000000)), name='loop_settings_retrain_after_allowed'), models.CheckConstraint(condition=models.Q(('retrain_every_hours__gte', 0), ('retrain_every_hours__lte', 8760)), name='loop_settings_retrain_every_hours_allowed'), models.CheckConstraint(condition=models.Q(('reward_method__in', ['finetune', 'frozen'])), name='loop_settings_reward_method_allowed'), models.CheckConstraint(condition=models.Q(('reward_adapter__in', ['none', 'lora', 'qlora'])), name='loop_settings_reward_adapter_allowed'), models.CheckConstraint(condition=models.Q(('reward_pooling__in', ['last', 'mean'])), name='loop_settings_reward_pooling_allowed'), models.CheckConstraint(condition=models.Q(('reward_heads__gte', 1), ('reward_heads__lte', 32)), name='loop_settings_reward_heads_allowed'), models.CheckConstraint(condition=models.Q(('reward_members__gte', 1), ('reward_members__lte', 8)), name='loop_settings_reward_members_allowed'), models.CheckConstraint(condition=models.Q(('aggregate__in', ['mean', 'wco', 'uwo'])), name='loop_settings_aggregate_allowed'), models.CheckConstraint(condition=models.Q(('uwo_weight__gte', 0.0), ('uwo_weight__lte', 100.0)), name='loop_settings_uwo_weight_allowed'), models.CheckConstraint(condition=models.Q(('reward_learning_rate__gte', 1e-08), ('reward_learning_rate__lte', 1.0)), name='loop_settings_reward_learning_rate_allowed'), models.CheckConstraint(condition=models.Q(('reward_epochs__gte', 1), ('reward_epochs__lte', 100)), name='loop_settings_reward_epochs_allowed'), models.CheckConstraint(condition=models.Q(('reward_batch_size__gte', 1), ('reward_batch_size__lte', 4096)), name='loop_settings_reward_batch_size_allowed'), models.CheckConstraint(condition=models.Q(('reward_max_length__gte', 8), ('reward_max_length__lte', 131072)), name='loop_settings_reward_max_length_allowed'), models.CheckConstraint(condition=models.Q(('reward_strength_margin__gte', 0.0), ('reward_strength_margin__lte', 10.0)), name='loop_settings_reward_strength_margin_allowed'), models.CheckConstraint(condition=models.Q(('reward_label_smoothing__gte', 0.0), ('reward_label_smoothing__lte', 0.49)), name='loop_settings_reward_label_smoothing_allowed'), models.CheckConstraint(condition=models.Q(('reward_ties__in', ['half', 'davidson'])), name='loop_settings_reward_ties_allowed'), models.CheckConstraint(condition=models.Q(('reward_rankings__in', ['pairs', 'plackett_luce'])), name='loop_settings_reward_rankings_allowed'), models.CheckConstraint(condition=models.Q(('reward_centering__gte', 0.0), ('reward_centering__lte', 1.0)), name='loop_settings_reward_centering_allowed'), models.CheckConstraint(condition=models.Q(('selection__in', ['uncertainty', 'disagreement', 'thompson', 'max_min', 'random'])), name='loop_settings_selection_allowed'), models.CheckConstraint(condition=models.Q(('selection_patience__gte', 0), ('selection_patience__lte', 50)), name='loop_settings_selection_patience_allowed'), models.CheckConstraint(condition=models.Q(('queue_target__gte', 0), ('queue_target__lte', 1000000)), name='loop_settings_queue_target_allowed'), models.CheckConstraint(condition=models.Q(('sample_prompts__gte', 1), ('sample_prompts__lte', 1000000)), name='loop_settings_sample_prompts_allowed'), models.CheckConstraint(condition=models.Q(('samples_per_prompt__gte', 2), ('samples_per_prompt__lte', 64)), name='loop_settings_samples_per_prompt_allowed'), models.CheckConstraint(condition=models.Q(('temperature__gte', 0.01), ('temperature__lte', 5.0)), name='loop_settings_temperature_allowed'), models.CheckConstraint(condition=models.Q(('top_p__gte', 0.01), ('top_p__lte', 1.0)), name='loop_settings_top_p_allowed'), models.CheckConstraint(condition=models.Q(('max_new_tokens__gte', 1), ('max_new_tokens__lte', 131072)), name='loop_settings_max_new_tokens_allowed'), models.CheckConstraint(condition=models.Q(('improvement__in', ['off', 'best_of_n', 'rloo', 'ppo', 'dpo'])), name='loop_settings_improvement_allowed'), models.CheckConstraint(condition=models.Q(('improve_after__gte', 0), ('improve_after__lte', 1000000)), name='loop_settings_improve_after_allowed'), models.CheckConstraint(condition=models.Q(('promotion__in', ['blind', 'automatic'])), name='loop_settings_promotion_allowed'), models.CheckConstraint(condition=models.Q(('comparison_size__gte', 10), ('comparison_size__lte', 5000)), name='loop_settings_comparison_size_allowed'), models.CheckConstraint(condition=models.Q(('kl_coefficient__gte', 0.0), ('kl_coefficient__lte', 100.0)), name='loop_settings_kl_coefficient_allowed'), models.CheckConstraint(condition=models.Q(('kl_budget__gte', 0.0), ('kl_budget__lte', 10000.0)), name='loop_settings_kl_budget_allowed'), models.CheckConstraint(condition=models.Q(('kl_target__gte', 0.0), ('kl_target__lte', 10000.0)), name='loop_settings_kl_target_allowed'), models.CheckConstraint(condition=models.Q(('kl_estimator__in', ['k1', 'k3'])), name='loop_settings_kl_estimator_allowed'), models.CheckConstraint(condition=models.Q(('best_of__gte', 2), ('best_of__lte', 256)), name='loop_settings_best_of_allowed'), models.CheckConstraint(condition=models.Q(('improve_prompts__gte', 8), ('improve_prompts__lte', 1000000)), name='loop_settings_improve_prompts_allowed'), models.CheckConstraint(condition=models.Q(('improve_steps__gte', 1), ('improve_steps__lte', 100000)), name='loop_settings_improve_steps_allowed'), models.CheckConstraint(condition=models.Q(('improve_adapter__in', ['none', 'lora'])), name='loop_settings_improve_adapter_allowed')],
            },
        ),
        migrations.RunPython(copy_from_projects, copy_to_projects),
    ]
